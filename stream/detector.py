"""Whether one VAD frame sounds like a voice.  When speech begins and ends is the gate's business."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from stream.audio import SAMPLE_RATE

FRAME_SAMPLES = 480
"""Samples in a VAD frame: 30 ms, the longest that WebRTC's detector takes."""


class VoiceDetector(Protocol):
    """Judges the frames of one stream in order; it may remember the ones before."""

    def is_voiced(self, frame: NDArray[np.int16]) -> bool:
        """Return whether ``frame``, int16 (FRAME_SAMPLES,), sounds like a voice."""


class WebRtcDetector:
    """The Gaussian-mixture detector of WebRTC (webrtc/common_audio/vad).

    It follows the noise of its stream, so every stream needs its own.
    """

    def __init__(self, aggressiveness: int = 2) -> None:
        """``aggressiveness``: 0 lets most through, 3 the least."""
        if aggressiveness not in range(4):
            raise ValueError(f"aggressiveness must be 0, 1, 2 or 3, got {aggressiveness}")
        self._vad = webrtcvad.Vad(aggressiveness)

    def is_voiced(self, frame: NDArray[np.int16]) -> bool:
        """Return whether ``frame``, int16 (FRAME_SAMPLES,), sounds like a voice.

        Raises:
            ValueError: the frame has another length.
        """
        if len(frame) != FRAME_SAMPLES:
            raise ValueError(f"a frame must have {FRAME_SAMPLES} samples, got {len(frame)}")
        return bool(self._vad.is_speech(frame.tobytes(), SAMPLE_RATE))
