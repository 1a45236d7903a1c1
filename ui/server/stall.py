"""Notices that a client sends no more sound: the silence that ends an utterance would never come either."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_STALL_S = 2.0
"""No sound for so long is a stall."""
_GRACE_S = 0.25
"""It is told so much later: where this process stood still itself, what came meanwhile is read first."""


class StallTimer:
    """Calls ``on_stall`` when it has run for long enough without being started anew."""

    def __init__(self, on_stall: Callable[[], None]) -> None:
        self._on_stall = on_stall
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Sound may come from here on."""
        self._wait(_STALL_S, lambda: self._wait(_GRACE_S, self._on_stall))

    def stop(self) -> None:
        """No sound is waited for."""
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(seconds, then)
