"""Sound at the speed at which a microphone would record it.  Only the standard library."""

from __future__ import annotations

import time
import wave
from collections.abc import Iterator

SAMPLE_RATE = 16_000
BLOCK_S = 0.1
_LATE_S = 0.25
_ROUNDING = 1e-6
"""Of a block: one that is over to the nanosecond counts as recorded."""
_BLOCK_BYTES = 2 * int(SAMPLE_RATE * BLOCK_S)


def read_pcm(path: str) -> bytes:
    """Return the samples of a WAV file, int16, mono, 16 kHz."""
    with wave.open(path, "rb") as file:
        kind = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        if kind != (1, 2, SAMPLE_RATE):
            raise ValueError(f"{path} must be mono, of 2 bytes a sample and {SAMPLE_RATE} Hz, got {kind}")
        return file.readframes(file.getnframes())


class Recording:
    """Sound that is recorded from now on.

    Args:
        pcm: int16, mono, 16 kHz.

    Attributes:
        late_s: the most that somebody who takes the blocks was behind: where this is much, he was the bottleneck.
    """

    def __init__(self, pcm: bytes) -> None:
        self.late_s = 0.0
        self._pcm = pcm
        self._began = time.perf_counter()

    @property
    def now_s(self) -> float:
        """Seconds since the first sample was recorded."""
        return time.perf_counter() - self._began

    @property
    def duration_s(self) -> float:
        """How long the sound lasts."""
        return len(self._pcm) / (2 * SAMPLE_RATE)

    @property
    def blocks(self) -> list[bytes]:
        """The sound in blocks of 100 ms, the last one shorter."""
        return [self._pcm[at : at + _BLOCK_BYTES] for at in range(0, len(self._pcm), _BLOCK_BYTES)]

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures must know: that the sound itself came late."""
        return [f"its sound was handed over up to {self.late_s:.1f} s late"] if self.late_s > _LATE_S else []

    def due_s(self, index: int) -> float:
        """When the last sample of a block will have been recorded."""
        return min((index + 1) * _BLOCK_BYTES / (2 * SAMPLE_RATE), self.duration_s)

    def rest_s(self, index: int) -> float:
        """How long that is from now; 0 where it is past."""
        rest_s = self.due_s(index) - self.now_s
        self.late_s = max(self.late_s, -rest_s)
        return max(0.0, rest_s)

    def paced(self) -> Iterator[bytes]:
        """Yield each block at its time, or at once where that is past."""
        for index, block in enumerate(self.blocks):
            time.sleep(self.rest_s(index))
            yield block

    def in_steps(self, step_s: float) -> Iterator[tuple[int, int]]:
        """Yield from where to where the samples are new: each ``step_s``, or when somebody who takes longer is free.

        Whole blocks, and the rest once the sound has ended.
        """
        fresh, n_samples = 0, len(self._pcm) // 2
        while fresh < n_samples:
            due_s = min(fresh / SAMPLE_RATE + step_s, self.duration_s)
            time.sleep(max(0.0, due_s - self.now_s))
            heard = self._n_recorded()
            yield fresh, heard
            fresh = heard

    def _n_recorded(self) -> int:
        """How many samples the blocks have that were recorded whole."""
        now_s = self.now_s
        if now_s >= self.duration_s:
            return len(self._pcm) // 2
        return int(now_s / BLOCK_S + _ROUNDING) * int(BLOCK_S * SAMPLE_RATE)
