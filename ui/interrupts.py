"""Ctrl-C where Python cannot take it: inside libraries that are being loaded."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

_INTERRUPTS = {signal.SIGINT, signal.SIGTERM}


@contextlib.contextmanager
def held_interrupts() -> Iterator[None]:
    """Let Ctrl-C wait until the end of the block, which imports compiled libraries.

    An exception in their middle crashes the process, and the programs that MAX starts to look around, which a terminal
    interrupts too, would each leave a traceback.  Threads begun in the block hold them for ever; one begun before it,
    as NumPy does, would take them instead, so nothing may be imported early that begins one.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
