"""The last samples of a stream, found by absolute index.

Memory is taken once.  What falls out while somebody still wants it is told, never silent.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream.audio import AudioChunk


class RingBuffer:
    """The newest ``capacity_samples`` samples of one stream, int16.

    Audio is wanted from the moment it is appended until ``release`` says otherwise.
    """

    def __init__(self, capacity_samples: int) -> None:
        if capacity_samples <= 0:
            raise ValueError(f"capacity_samples must be > 0, got {capacity_samples}")
        self._samples = np.zeros(capacity_samples, np.int16)
        self._start_sample = 0
        self._end_sample = 0
        self._wanted_sample = 0

    @property
    def start_sample(self) -> int:
        """Index of the oldest sample held."""
        return self._start_sample

    @property
    def end_sample(self) -> int:
        """Index one past the newest sample held."""
        return self._end_sample

    def append(self, chunk: AudioChunk) -> int:
        """Take in ``chunk`` and return how many wanted samples were lost to make room.

        A chunk that starts beyond ``end_sample`` restarts the ring there: what was held goes away.
        Of a chunk longer than the ring its newest samples stay.

        Raises:
            ValueError: the chunk starts before ``end_sample``.
        """
        if chunk.start_sample < self._end_sample:
            raise ValueError(f"chunk must start at {self._end_sample} or later, got {chunk.start_sample}")
        n_lost = 0
        if chunk.start_sample > self._end_sample:
            n_lost += self._drop_before(self._end_sample)
            self._start_sample = self._end_sample = chunk.start_sample
        n_lost += self._drop_before(chunk.end_sample - len(self._samples))
        self._write(chunk)
        return n_lost

    def release(self, before_sample: int) -> None:
        """Say that nobody wants the audio before ``before_sample`` any more; it may be overwritten."""
        self._wanted_sample = max(self._wanted_sample, before_sample)

    def read(self, start_sample: int, end_sample: int) -> NDArray[np.int16]:
        """Return a private copy of [start_sample, end_sample), int16 (end_sample - start_sample,).

        Raises:
            ValueError: some of it is not held, or the end lies before the start.
        """
        if not self._start_sample <= start_sample <= end_sample <= self._end_sample:
            raise ValueError(
                f"cannot read [{start_sample}, {end_sample}): the ring holds [{self._start_sample}, {self._end_sample})"
            )
        first = start_sample % len(self._samples)
        n_first = min(end_sample - start_sample, len(self._samples) - first)
        n_wrapped = end_sample - start_sample - n_first
        return np.concatenate((self._samples[first : first + n_first], self._samples[:n_wrapped]))

    def _drop_before(self, sample: int) -> int:
        n_lost = max(0, sample - max(self._start_sample, self._wanted_sample))
        self._start_sample = max(self._start_sample, sample)
        return n_lost

    def _write(self, chunk: AudioChunk) -> None:
        self._end_sample = chunk.end_sample
        kept = chunk.samples[-len(self._samples) :]
        first = (chunk.end_sample - len(kept)) % len(self._samples)
        n_first = min(len(kept), len(self._samples) - first)
        self._samples[first : first + n_first] = kept[:n_first]
        self._samples[: len(kept) - n_first] = kept[n_first:]
