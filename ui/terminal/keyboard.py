"""A keyboard that leaves no marks on the screen while something is drawn there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping

_LOCAL_FLAGS = 3
"""Where ``termios.tcgetattr`` keeps them."""

_APART_S = 0.05
"""What comes sooner after what came before belongs to it: fingers are slower."""

Keys = Mapping[str, Callable[[], None]]
"""What is done when a key is pressed, by its letter."""
NO_KEYS: Keys = {}


class Keyboard:
    """That of the terminal, where stdin is it; elsewhere nothing is done."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """It will be given back as it is now; ``clock`` returns seconds."""
        self._clock = clock
        self._heard_at = -_APART_S
        self._descriptor = sys.stdin.fileno() if _is_ours() else None
        self._found = [] if self._descriptor is None else termios.tcgetattr(self._descriptor)
        self._off = termios.ECHO

    def take(self) -> None:
        """Keep what is typed, Ctrl-C's ^C too, from being echoed into the live lines."""
        self._set(termios.TCSADRAIN, self._off)

    def give_back(self) -> None:
        """Set it as it was; what was typed is thrown away."""
        self._set(termios.TCSAFLUSH, 0)

    @contextlib.contextmanager
    def listened(self, keys: Keys) -> Iterator[None]:
        """Do what each key stands for when it is pressed, as long as the block runs, within a running event loop."""
        if not keys or self._descriptor is None:
            yield
            return
        loop, descriptor = asyncio.get_running_loop(), self._descriptor

        def read() -> None:
            try:
                pressed = os.read(descriptor, 64)
            except OSError:  # the terminal is gone
                pressed = b""
            if not pressed:
                loop.remove_reader(descriptor)
            if self._is_alone(pressed):
                keys.get(pressed.decode(errors="ignore").lower(), _do_nothing)()

        self._off = termios.ECHO | termios.ICANON
        self.take()
        loop.add_reader(descriptor, read)
        try:
            yield
        finally:
            loop.remove_reader(descriptor)

    def _is_alone(self, pressed: bytes) -> bool:
        """Whether it is a key of its own: F1 comes as ESC O P, perhaps in pieces, and pasted text at once."""
        before, self._heard_at = self._heard_at, self._clock()
        return len(pressed) == 1 and self._heard_at - before >= _APART_S

    def _set(self, when: int, off: int) -> None:
        if self._descriptor is not None:
            attributes = list(self._found)
            attributes[_LOCAL_FLAGS] &= ~off
            with contextlib.suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(self._descriptor, when, attributes)


@contextlib.contextmanager
def silent_keyboard() -> Iterator[None]:
    """Let nothing be echoed as long as the block runs."""
    keyboard = Keyboard()
    keyboard.take()
    try:
        yield
    finally:
        keyboard.give_back()


def _do_nothing() -> None: ...


def _is_ours() -> bool:
    """Whether stdin is the keyboard, and this job is the one it types to: others that change it are stopped."""
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:  # a terminal, but not the one that controls this job
        return False
