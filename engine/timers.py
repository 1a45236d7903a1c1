"""Threads that wake up less often than they want to.

At its first execution MAX's runtime begins a thread that asks some five thousand times a second whether anything has
finished, for as long as the process lives: 7 … 9 % of a core while nobody speaks (26.7.0, on the CPU).  Linux may let
a thread sleep longer than it asked for, by its timer slack, and a thread inherits that of the one that began it
(prctl(2), PR_SET_TIMERSLACK).  With 50 ms it is 0.25 %; what wakes a thread before its time still does so at once.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_PR_SET_TIMERSLACK = 29
_SLACK_NS = 50_000_000
_USUAL = 0
"""What the thread had when it was begun."""


@contextmanager
def lazy_timers() -> Iterator[None]:
    """Let threads that are begun in the block, and never elsewhere than on Linux, sleep up to 50 ms longer."""
    _set_slack(_SLACK_NS)
    try:
        yield
    finally:
        _set_slack(_USUAL)


def _set_slack(slack_ns: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(slack_ns), 0, 0, 0)
