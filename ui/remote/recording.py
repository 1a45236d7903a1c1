"""What was recorded and may still have to be sent, or sent again: bounded, and pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from stream.audio import AudioChunk


@dataclass(frozen=True, slots=True)
class Gap:
    """So many samples are missing here."""

    n_samples: int


class Recording:
    """The last of a stream, by absolute sample index."""

    def __init__(self, most_samples: int) -> None:
        """Of what nobody has taken, the oldest is given up beyond ``most_samples``: it becomes a gap."""
        self._most_samples = most_samples
        self._chunks: deque[AudioChunk] = deque()
        self._start_sample = 0

    @property
    def start_sample(self) -> int:
        """Oldest sample that is kept, or would be."""
        return self._start_sample

    @property
    def end_sample(self) -> int:
        """Index one past the newest."""
        return self._chunks[-1].end_sample if self._chunks else self._start_sample

    def append(self, chunk: AudioChunk) -> None:
        """Add what was recorded next; a jump in its ``start_sample`` is a gap."""
        self._chunks.append(chunk)
        self._drop_before(chunk.end_sample - self._most_samples)

    def release(self, sample: int) -> None:
        """Forget what lies before ``sample``."""
        self._drop_before(min(sample, self.end_sample))

    def read(self, sample: int) -> Iterator[Gap | bytes]:
        """Yield all from ``sample`` on, as 16-bit little-endian PCM and the gaps in it."""
        for chunk in self._chunks:
            if chunk.end_sample <= sample:
                continue
            if chunk.start_sample > sample:
                yield Gap(chunk.start_sample - sample)
                sample = chunk.start_sample
            yield chunk.samples[sample - chunk.start_sample :].astype("<i2").tobytes()
            sample = chunk.end_sample

    def _drop_before(self, sample: int) -> None:
        self._start_sample = max(self._start_sample, sample)
        while self._chunks and self._chunks[0].end_sample <= self._start_sample:
            self._chunks.popleft()
