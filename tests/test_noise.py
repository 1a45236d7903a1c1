"""The noise floor, and a gate that listens above it."""

from __future__ import annotations

import numpy as np
import pytest

from stream.audio import AudioChunk
from stream.gate import GateOptions, SpeechGate, SpeechOpened
from stream.noise import NoiseFloor


class AlwaysVoiced:
    def is_voiced(self, frame: np.ndarray) -> bool:
        return True


def noise(amplitude: int, duration_s: float) -> np.ndarray:
    return np.resize(np.array([amplitude, -amplitude], np.int16), int(duration_s * 16_000))


def n_opened(margin_db: float, audio: np.ndarray, voice: int) -> int:
    """How often the gate opens for ``audio`` behind eight seconds of noise of amplitude 100 and two of a voice's."""
    gate = SpeechGate(AlwaysVoiced(), GateOptions(noise_margin_db=margin_db, hangover_ms=200))
    gate.receive_audio(AudioChunk(np.concatenate([noise(100, 8.0), noise(voice, 2.0)]), 0))
    gate.flush()
    events = gate.receive_audio(AudioChunk(audio, 160_000))
    return sum(isinstance(event, SpeechOpened) for event in events)


def threshold(powers: list[float], margin_db: float = 8.0) -> float:
    floor = NoiseFloor()
    for power in powers:
        floor.receive_power(power)
    return floor.threshold_power(margin_db)


def test_a_voice_is_so_much_louder_than_what_a_tenth_lies_below() -> None:
    assert threshold([100.0] * 40 + [1e8] * 60, margin_db=10) == pytest.approx(1000.0)


def test_where_voice_and_noise_are_close_a_quarter_of_the_way_is_enough() -> None:
    assert threshold([100.0] * 40 + [1600.0] * 60) == pytest.approx(200.0)


def test_a_click_is_no_voice() -> None:
    assert threshold([100.0] * 97 + [1e8] * 3) == pytest.approx(100.0)


def test_a_cough_behind_a_voice_is_no_louder_voice() -> None:
    """A second of the last ten, seventy times as loud: 37 dB."""
    voice = [100.0] * 150 + [1600.0] * 150

    assert threshold([*voice, *[1600.0 * 70**2] * 33]) == threshold([*voice, *[1600.0] * 33])


def test_it_forgets_what_was_longer_ago_than_ten_seconds() -> None:
    assert threshold([1.0] * 1000 + [400.0] * 333) == pytest.approx(400.0)


def test_too_little_is_no_noise_and_a_loud_stream_is_a_voice() -> None:
    assert threshold([5.0] * 30) == 0.0
    assert 0 < threshold([1e8] * 400, margin_db=0.0) < 1e5


def test_digital_silence_is_quiet() -> None:
    assert 0 < threshold([0.0] * 40) < threshold([0.0] * 40 + [1e6] * 60) < 1


@pytest.mark.parametrize(("amplitude", "opens"), [(150, 0), (240, 0), (260, 1), (1000, 1)])
def test_what_is_hardly_louder_than_the_noise_opens_nothing(amplitude: int, opens: int) -> None:
    assert opens == n_opened(8.0, noise(amplitude, 0.5), voice=10_000)


@pytest.mark.parametrize(("amplitude", "opens"), [(110, 0), (150, 1)])
def test_a_voice_in_loud_noise_is_let_in(amplitude: int, opens: int) -> None:
    assert opens == n_opened(8.0, noise(amplitude, 0.5), voice=200)


def test_without_a_margin_noise_opens_the_gate() -> None:
    assert 1 == n_opened(0.0, noise(100, 0.5), voice=10_000)
