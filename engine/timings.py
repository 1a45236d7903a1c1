"""How often each stage of the work ran and how long it took.

Who is not interested passes ``NO_TIMINGS``, which never looks at a clock.  A stage within another counts for itself
alone, so all of them together are the time that was spent, each second once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

_NOTHING: AbstractContextManager[None] = nullcontext()


@dataclass(slots=True)
class StageTime:
    """What one stage cost.

    Attributes:
        n_calls: how often it ran.
        total_s: all of its seconds, without those of the stages within it.
    """

    n_calls: int = 0
    total_s: float = 0.0


class Observer(Protocol):
    """Told of stages; see ``Timings``."""

    @property
    def is_on(self) -> bool:
        """Whether anybody looks at what is measured."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Count what is done in the block as stage ``name``."""


class Timings:
    """Adds up the stages of one thread's work, or of threads that take turns.

    Attributes:
        stages: by name, in the order in which they first ended.
    """

    is_on = True

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` returns seconds."""
        self.stages: dict[str, StageTime] = {}
        self._clock = clock
        self._began_s = clock()
        self._within_s: list[float] = []
        """For each stage that runs, the outermost first: the seconds of those within it so far."""

    @property
    def elapsed_s(self) -> float:
        """Seconds since these timings were made."""
        return self._clock() - self._began_s

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what is done in the block as stage ``name``."""
        began_s = self._clock()
        self._within_s.append(0.0)
        try:
            yield
        finally:
            took_s = self._clock() - began_s
            stage = self.stages.setdefault(name, StageTime())
            stage.n_calls += 1
            stage.total_s += took_s - self._within_s.pop()
            if self._within_s:
                self._within_s[-1] += took_s


class _NoTimings:
    is_on = False

    def stage(self, _: str) -> AbstractContextManager[None]:
        return _NOTHING


NO_TIMINGS: Observer = _NoTimings()
