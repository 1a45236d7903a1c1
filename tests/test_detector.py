"""WebRtcDetector: the wrapping, not WebRTC itself."""

import numpy as np
import pytest
from numpy.typing import NDArray

from stream.detector import FRAME_SAMPLES, WebRtcDetector


def buzz(n_frames: int) -> NDArray[np.int16]:
    """A vowel-like pulse train: 120 Hz pulses through two resonances, int16 (n_frames, FRAME_SAMPLES)."""
    t = np.arange(n_frames * FRAME_SAMPLES) / 16_000
    harmonics = sum(np.sin(2 * np.pi * 120 * k * t) / (1 + ((120 * k - 700) / 300) ** 2) for k in range(1, 30))
    samples: NDArray[np.int16] = (6_000 * harmonics / np.abs(harmonics).max()).astype(np.int16)
    return samples.reshape(n_frames, FRAME_SAMPLES)


def test_a_vowel_is_voiced_and_digital_silence_is_not() -> None:
    detector = WebRtcDetector()
    silence = np.zeros(FRAME_SAMPLES, np.int16)
    assert [detector.is_voiced(silence) for _ in range(5)] == [False] * 5
    assert [detector.is_voiced(frame) for frame in buzz(10)][2:] == [True] * 8


def test_every_stream_has_its_own_state() -> None:
    frames = buzz(10)
    busy, fresh = WebRtcDetector(), WebRtcDetector()
    for frame in frames:
        busy.is_voiced(frame)
    silence = np.zeros(FRAME_SAMPLES, np.int16)
    assert busy.is_voiced(silence)  # WebRTC's own short hangover
    assert not fresh.is_voiced(silence)


@pytest.mark.parametrize("aggressiveness", [-1, 4])
def test_unknown_aggressiveness_is_refused(aggressiveness: int) -> None:
    with pytest.raises(ValueError, match=f"aggressiveness must be 0, 1, 2 or 3, got {aggressiveness}"):
        WebRtcDetector(aggressiveness)


def test_a_frame_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="480 samples, got 160"):
        WebRtcDetector().is_voiced(np.zeros(160, np.int16))
