"""A keyboard that leaves no marks on the screen while something is drawn there."""

from __future__ import annotations

import contextlib
import os
import sys
import termios
from collections.abc import Iterator

_LOCAL_FLAGS = 3
"""Where ``termios.tcgetattr`` keeps them."""


@contextlib.contextmanager
def silent_keyboard() -> Iterator[None]:
    """Keep what is typed, Ctrl-C's ^C too, from being echoed into the live lines; what was typed is thrown away."""
    if sys.stdin is None or not sys.stdin.isatty() or not _is_in_foreground(sys.stdin.fileno()):
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    silent = termios.tcgetattr(descriptor)
    silent[_LOCAL_FLAGS] &= ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)


def _is_in_foreground(descriptor: int) -> bool:
    """A job in the background that changes the terminal is stopped by the system."""
    return os.tcgetpgrp(descriptor) == os.getpgrp()
