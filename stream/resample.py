"""Any sample rate and any number of channels → 16 kHz mono int16, as it streams in."""

from __future__ import annotations

from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from stream.audio import SAMPLE_RATE

_FULL_SCALE = 32_768
_LOUDEST = 16.0
"""Of what is far beyond full scale the filter would make no number."""


class Resampler:
    """Turns one stream of blocks into int16 mono at 16 kHz (libsoxr, quality HQ).

    Channels are averaged, what is too loud is clipped, and what is not a number is silence.  After
    ``flush`` as many samples have come out as went in, times 16000 / ``rate``, rounded.  Until then
    libsoxr holds some back: at 48 kHz between 6 and 37 ms.
    """

    def __init__(self, rate: int, channels: int) -> None:
        """``rate``: samples per second of what goes in; ``channels``: how many are interleaved."""
        if rate <= 0:
            raise ValueError(f"rate must be > 0, got {rate}")
        if channels <= 0:
            raise ValueError(f"channels must be > 0, got {channels}")
        self._channels = channels
        self._stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")

    def resample(self, block: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.int16]:
        """Return the samples that are ready, int16 (n_samples,), maybe none.

        Args:
            block: (n_frames, n_channels), int16, or float32 within -1 … 1.

        Raises:
            ValueError: the block has another shape or type.
        """
        if block.ndim != 2 or block.shape[1] != self._channels:
            raise ValueError(f"block must have shape (n_frames, {self._channels}), got {block.shape}")
        return _to_int16(self._stream.resample_chunk(_to_mono(block)))

    def flush(self) -> NDArray[np.int16]:
        """Return the last samples, int16 (n_samples,); nothing may follow."""
        return _to_int16(self._stream.resample_chunk(np.empty(0, np.float32), last=True))


def _to_mono(block: NDArray[Any]) -> NDArray[np.float32]:
    if block.dtype == np.int16:
        scaled = block.astype(np.float32) / _FULL_SCALE
    elif block.dtype == np.float32:
        # One NaN would spoil everything within the filter's reach.
        scaled = np.clip(np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0), -_LOUDEST, _LOUDEST)
    else:
        raise ValueError(f"block must be int16 or float32, got {block.dtype}")
    mono: NDArray[np.float32] = scaled.mean(axis=1, dtype=np.float32)
    return mono


def _to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(np.rint(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
