"""The unit of sound: int16 mono at 16 kHz, placed on the stream's own sample axis.

Time is an integer sample index until a person reads it; ``seconds`` is the one conversion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Samples per second everywhere behind a source."""


def seconds(n_samples: int) -> float:
    """Return how long ``n_samples`` last, in seconds."""
    return n_samples / SAMPLE_RATE


def n_samples(duration_s: float) -> int:
    """Return how many samples ``duration_s`` seconds hold, rounded to the nearest."""
    return round(duration_s * SAMPLE_RATE)


def level_dbfs(samples: NDArray[np.int16]) -> float:
    """Return the loudness of int16 (n_samples,): RMS in dB below full scale; -inf for digital zero and for nothing."""
    power = float(np.mean(samples.astype(np.float64) ** 2)) / 32768.0**2 if len(samples) else 0.0
    return 10.0 * float(np.log10(power)) if power > 0 else -np.inf


@dataclass(frozen=True, slots=True, eq=False)
class AudioChunk:
    """Some consecutive samples of one stream, of any length.

    Attributes:
        samples: int16 (n_samples,), mono, 16 kHz; nobody writes to it.
        start_sample: index of ``samples[0]`` from the start of the stream.
            A start beyond the previous chunk's ``end_sample`` means that audio was lost in between.
    """

    samples: NDArray[np.int16]
    start_sample: int

    @property
    def end_sample(self) -> int:
        """Index one past the last sample."""
        return self.start_sample + len(self.samples)
