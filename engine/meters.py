"""How much the model worked, in all and lately."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_RATE_WINDOW_S = 30.0


@dataclass(frozen=True, slots=True)
class Work:
    """What the model did: batches, the jobs in them, seconds of compute."""

    n_batches: int = 0
    n_jobs: int = 0
    compute_s: float = 0.0

    def __add__(self, other: Work) -> Work:
        """Return both together."""
        return Work(self.n_batches + other.n_batches, self.n_jobs + other.n_jobs, self.compute_s + other.compute_s)


class LoadMeter:
    """Adds up work; ``clock`` is in seconds.

    Attributes:
        window_s: how long "recent" is.
        total: all work so far.
    """

    def __init__(self, clock: Callable[[], float], window_s: float = 10.0) -> None:
        self._clock = clock
        self._began_at = clock()
        self._history: deque[tuple[float, Work]] = deque()
        self._length_s = window_s
        self.total = Work()

    @property
    def window_s(self) -> float:
        """Seconds that ``recent`` is about: shorter while the meter is young."""
        return min(self._length_s, max(self._clock() - self._began_at, 1e-3))

    def add(self, work: Work) -> None:
        """Count work that has just been done."""
        self.total += work
        self._history.append((self._clock(), work))
        self._forget()

    @property
    def recent(self) -> Work:
        """The work of the last ``window_s`` seconds."""
        self._forget()
        return sum((work for _, work in self._history), Work())

    def _forget(self) -> None:
        while self._history and self._history[0][0] < self._clock() - self._length_s:
            self._history.popleft()


class RateMeter:
    """Seconds of compute per second of audio over the last half minute of audio.

    Attributes:
        total_s: seconds of compute from the first on.
    """

    def __init__(self) -> None:
        self.total_s = 0.0
        self._history: deque[tuple[float, float]] = deque([(0.0, 0.0)])

    def add(self, compute_s: float) -> None:
        """Count seconds of compute."""
        self.total_s += compute_s

    def rate(self, now_s: float) -> float:
        """Return the rate after ``now_s`` seconds of audio."""
        self._history.append((now_s, self.total_s))
        while len(self._history) > 2 and now_s - self._history[1][0] >= _RATE_WINDOW_S:
            self._history.popleft()
        audio_s, total_s = self._history[0]
        return (self.total_s - total_s) / (now_s - audio_s) if now_s > audio_s else 0.0
