"""A file's sound for peers that would start FFmpeg's program for it: decoded by its library, as the others do."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray


def read_audio(path: str) -> NDArray[np.float32]:
    """Return the samples of a file, float32 (n_samples,), mono, 16 kHz, -1 … 1."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    with av.open(path) as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32) / 32768.0
