"""What loading a model tells those who wait for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """The start of one stage of loading.

    Attributes:
        stage: what is being done, a phrase for people.
        step: number of this stage, from 1.
        n_steps: how many stages there are.
        is_compiling: whether this stage takes minutes, once per machine.
        expected_s: a typical duration, in seconds, on two cores.
        n_bytes_done, n_bytes: how far a download is; 0 of 0 for every other stage.
    """

    stage: str
    step: int
    n_steps: int
    is_compiling: bool
    expected_s: float
    n_bytes_done: int = 0
    n_bytes: int = 0


OnProgress = Callable[[LoadProgress], None]


def say_nothing(progress: LoadProgress) -> None:
    """An ``OnProgress`` for callers that need none."""
