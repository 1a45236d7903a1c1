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
    if not _is_ours():
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


def _is_ours() -> bool:
    """Whether stdin is the keyboard, and this job is the one it types to: others that change it are stopped."""
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:  # a terminal, but not the one that controls this job
        return False
