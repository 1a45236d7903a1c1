"""What waits to be sent to one connection: bounded, so that who reads slowly costs nobody else."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from ui.server.protocols.protocol import Close

_MOST_MESSAGES = 4_096

Letter = str | bytes | Close


class Outbox:
    """Messages in order, and a close behind the last of them.

    Nothing ever waits to put something in.  Where something does not fit, it is overrun, and takes nothing more.

    Attributes:
        overrun: set when something did not fit.
        closing: set when a close is among what waits.
    """

    def __init__(self, most_bytes: int) -> None:
        """``most_bytes``: how much may wait here, beside what the connection itself holds."""
        self._most_bytes = most_bytes
        self._letters: deque[Letter] = deque()
        self._n_bytes = 0
        self._arrival = asyncio.Event()
        self.overrun = asyncio.Event()
        self.closing = asyncio.Event()

    def put(self, letters: Iterable[Letter]) -> None:
        """Add what is to be sent; behind a close nothing is."""
        for letter in letters:
            if self.closing.is_set() or self.overrun.is_set():
                return
            if isinstance(letter, Close):
                self.closing.set()
            elif self._n_bytes + len(letter) > self._most_bytes or len(self._letters) >= _MOST_MESSAGES:
                self.overrun.set()
                return
            self._letters.append(letter)
            self._n_bytes += _size(letter)
            self._arrival.set()

    def replace_all(self, letters: Iterable[Letter]) -> None:
        """Send these instead of all that waits."""
        self._letters.clear()
        self._n_bytes = 0
        self.overrun.clear()
        self.closing.clear()
        self.put(letters)

    async def get(self) -> Letter:
        """Return the next, as soon as there is one."""
        while not self._letters:
            self._arrival.clear()
            await self._arrival.wait()
        letter = self._letters.popleft()
        self._n_bytes -= _size(letter)
        return letter


def _size(letter: Letter) -> int:
    return 0 if isinstance(letter, Close) else len(letter)
