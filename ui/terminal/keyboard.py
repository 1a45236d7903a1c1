"""A keyboard that leaves no marks on the screen while something is drawn there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
from collections.abc import Callable, Iterator, Mapping

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


@contextlib.contextmanager
def listened(keys: Mapping[str, Callable[[], None]]) -> Iterator[None]:
    """Do what each key stands for when it is pressed, as long as the block runs, within a running event loop."""
    if not keys or not _is_ours():
        yield
        return
    loop, descriptor = asyncio.get_running_loop(), sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    each = termios.tcgetattr(descriptor)
    each[_LOCAL_FLAGS] &= ~(termios.ECHO | termios.ICANON)

    def take_keyboard() -> None:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, each)

    def read() -> None:
        try:
            pressed = os.read(descriptor, 64)
        except OSError:  # the terminal is gone
            pressed = b""
        if not pressed:
            loop.remove_reader(descriptor)
        for key in pressed.decode(errors="ignore"):
            keys.get(key.lower(), _do_nothing)()

    take_keyboard()
    loop.add_reader(descriptor, read)
    loop.add_signal_handler(signal.SIGCONT, take_keyboard)  # a shell that had it meanwhile set it its own way
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGCONT)
        loop.remove_reader(descriptor)
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _do_nothing() -> None: ...


def _is_ours() -> bool:
    """Whether stdin is the keyboard, and this job is the one it types to: others that change it are stopped."""
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:  # a terminal, but not the one that controls this job
        return False
