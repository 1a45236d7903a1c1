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


def n_opened(margin_db: float, audio: np.ndarray) -> int:
    """How often the gate opens once it has heard a second of noise of amplitude 100."""
    gate = SpeechGate(AlwaysVoiced(), GateOptions(noise_margin_db=margin_db, hangover_ms=200))
    gate.receive_audio(AudioChunk(np.concatenate([noise(100, 10.0)]), 0))
    gate.flush()
    events = gate.receive_audio(AudioChunk(audio, 160_000))
    return sum(isinstance(event, SpeechOpened) for event in events)


def test_it_is_the_power_that_a_tenth_lies_below() -> None:
    floor = NoiseFloor()
    for power in [100.0] * 40 + [900.0] * 60:
        floor.receive_power(power)

    assert 100.0 == floor.power


def test_it_forgets_what_was_longer_ago_than_ten_seconds() -> None:
    floor = NoiseFloor()
    for power in [1.0] * 1000 + [400.0] * 333:
        floor.receive_power(power)

    assert 400.0 == floor.power


def test_too_little_is_no_noise_and_a_loud_stream_is_a_voice() -> None:
    floor = NoiseFloor()
    for _ in range(30):
        floor.receive_power(5.0)
    assert 0.0 == floor.power
    for _ in range(400):
        floor.receive_power(1e8)
    assert 0 < floor.power < 1e5


@pytest.mark.parametrize(("amplitude", "opens"), [(150, 0), (190, 0), (210, 1), (1000, 1)])
def test_what_is_hardly_louder_than_the_noise_opens_nothing(amplitude: int, opens: int) -> None:
    assert opens == n_opened(6.0, noise(amplitude, 0.5))


def test_without_a_margin_noise_opens_the_gate() -> None:
    assert 1 == n_opened(0.0, noise(100, 0.5))
