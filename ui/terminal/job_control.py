r"""Ctrl-Z and Ctrl-\: the terminal is given back before they stop or end the program, and taken when it goes on.

Both are left alone where whoever started the program had them ignored.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

_LEAVING = (signal.SIGTSTP, signal.SIGQUIT)


@contextlib.contextmanager
def job_control(give_back: Callable[[], None], take: Callable[[], None]) -> Iterator[None]:
    """Call ``give_back`` before the program is stopped or ended, ``take`` when it goes on; within a running event loop.

    Somebody else's SIGSTOP tells nothing: ``take`` may be called though nothing was given back.
    """
    loop = asyncio.get_running_loop()

    def leave(number: int) -> None:
        give_back()
        obey(number)
        take()

    numbers = _heeded()
    for number in numbers:
        loop.add_signal_handler(number, leave, number)
    loop.add_signal_handler(signal.SIGCONT, take)
    try:
        yield
    finally:
        for number in (*numbers, signal.SIGCONT):
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def noted_signals() -> Iterator[list[int]]:
    """Note what would stop or end the program, for whoever obeys it behind the block; on the main thread alone."""
    noted: list[int] = []
    numbers = _heeded() if threading.current_thread() is threading.main_thread() else []
    for number in numbers:
        signal.signal(number, lambda number, _: noted.append(number))
    try:
        yield noted
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def obey(number: int) -> None:
    """Do what the signal does to a program that does not care; return when it goes on.

    That is at once where no shell could let it go on.
    """
    before = signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    signal.signal(number, before)


def _heeded() -> list[signal.Signals]:
    return [number for number in _LEAVING if signal.getsignal(number) is signal.SIG_DFL]
