"""Notices that a client sends no more sound: the silence that ends an utterance would never come either."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_STALL_S = 2.0
"""No sound for so long is a stall."""
_GRACE_S = 0.25
"""It is told so much later: where this process stood still itself, what came meanwhile is read first."""


class StallTimer:
    """Tells when it has run for long enough without being started anew.

    It holds whom it tells only while it runs, so that nothing of a session waits for the garbage collector.
    """

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def start(self, on_stall: Callable[[], None]) -> None:
        """Sound may come from here on; where none does, ``on_stall`` is called."""
        self._wait(_STALL_S, lambda: self._wait(_GRACE_S, lambda: self._end(on_stall)))

    def stop(self) -> None:
        """No sound is waited for."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _end(self, on_stall: Callable[[], None]) -> None:
        self.stop()
        on_stall()
