"""One connection: carries messages between a socket and a session, and holds the client to the limits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from ui.server.limits import Limits
from ui.server.outbox import Outbox
from ui.server.protocols.protocol import Close, Refusal
from ui.server.session import Session
from ui.server.sockets import ClientSocket, DisconnectedError

_GRACE_S = 10.0
"""How long a close may take before the connection is cut."""


class Connection:
    """A socket and the session it serves.

    Reading ends only with the socket, so all that arrived before it broke has been taken.
    """

    def __init__(self, socket: ClientSocket, session: Session, limits: Limits) -> None:
        self._socket = socket
        self._session = session
        self._limits = limits
        self.outbox = Outbox(limits.outbox_bytes)
        self.gone = asyncio.Event()

    async def serve(self) -> bool:
        """Serve until the connection is closed; return whether the client said goodbye, or was told to go."""
        helpers = [asyncio.create_task(work) for work in self._work()]
        try:
            await self._read()
        except DisconnectedError as error:
            return error.is_goodbye or self.outbox.closing.is_set()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            self.gone.set()
        return True

    def _work(self) -> list[Coroutine[Any, Any, None]]:
        return [self._write(), self._cut_after_close(), self._refuse_slow_reader()]

    async def leave(self, close: Close) -> None:
        """Close it for another connection that goes on with the session; returns when all it read has been taken."""
        self.outbox.replace_all([close])
        await self.gone.wait()

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if message is None:
                self._session.end(
                    Refusal("idle", f"nothing came for {self._limits.idle_s:g} s: connect again to go on")
                )
            elif len(message) > self._limits.message_bytes:
                self._refuse_large(len(message))
            else:
                await self._session.receive_message(message)

    async def _receive(self) -> str | bytes | None:
        """Return the next message, or None where none came for too long."""
        is_waiting = not (self._session.is_paused or self._session.has_ended)
        try:
            async with asyncio.timeout(self._limits.idle_s if is_waiting else None):
                return await self._socket.receive()
        except TimeoutError:
            return None

    def _refuse_large(self, size: int) -> None:
        most = self._limits.message_bytes
        reason = f"a message of {size} bytes is longer than {most}: send it in parts"
        self.outbox.replace_all(self._session.refusal_letters(Refusal("too_large", reason)))

    async def _write(self) -> None:
        try:
            while not isinstance(letter := await self.outbox.get(), Close):
                await self._socket.send(letter)
            await self._socket.close(letter.code, letter.reason)
        except DisconnectedError:
            return

    async def _cut_after_close(self) -> None:
        await self.outbox.closing.wait()
        await asyncio.sleep(_GRACE_S)
        self._socket.abort()

    async def _refuse_slow_reader(self) -> None:
        await self.outbox.overrun.wait()
        reason = f"more than {self._limits.outbox_bytes} bytes wait to be read: read faster"
        self.outbox.replace_all(self._session.refusal_letters(Refusal("too_slow", reason)))
