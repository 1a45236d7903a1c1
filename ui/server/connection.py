"""One connection: carries messages between a socket and a session, and holds the client to the limits."""

from __future__ import annotations

import asyncio

from ui.server.limits import Limits
from ui.server.outbox import Outbox
from ui.server.protocols.protocol import Close, Refusal
from ui.server.session import Session
from ui.server.sockets import ClientSocket, DisconnectedError


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
        self._is_refused = False
        self._was_slow = False

    async def serve(self) -> bool:
        """Serve until the connection is closed; return whether the client said goodbye, or was told to go."""
        helpers = [asyncio.create_task(work) for work in (self._write(), self._cut_after_close(), self._watch_outbox())]
        try:
            return await self._read()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.wait(helpers)
            self.gone.set()

    async def leave(self, close: Close) -> None:
        """Close it for another connection that goes on with the session; returns when all it read has been taken."""
        self.outbox.replace_all([close])
        await self.gone.wait()

    async def _read(self) -> bool:
        try:
            while True:
                await self._take(await self._receive())
        except DisconnectedError as error:
            return error.is_goodbye or (self.outbox.closing.is_set() and not self._was_slow)

    async def _take(self, message: str | bytes | None) -> None:
        if message is None:
            self._session.end(Refusal("idle", f"nothing came for {self._limits.idle_s:g} s: connect again"))
        elif len(message) > self._limits.message_bytes:
            most = self._limits.message_bytes
            self._refuse(Refusal("too_large", f"a message of {len(message)} is longer than {most}: send it in parts"))
        elif not self._is_refused:
            await self._session.receive_message(message)

    def _refuse(self, refusal: Refusal) -> None:
        self._is_refused = True
        self.outbox.replace_all(self._session.refusal_letters(refusal))

    async def _receive(self) -> str | bytes | None:
        """Return the next message, or None where none came for too long."""
        is_waiting = not (self._session.is_paused or self._session.has_ended)
        try:
            async with asyncio.timeout(self._limits.idle_s if is_waiting else None):
                return await self._socket.receive()
        except TimeoutError:
            return None

    async def _write(self) -> None:
        try:
            while not isinstance(letter := await self.outbox.get(), Close):
                await self._socket.send(letter)
            await self._socket.close(letter.code, letter.reason)
        except DisconnectedError:
            return

    async def _cut_after_close(self) -> None:
        await self.outbox.closing.wait()
        await asyncio.sleep(self._limits.close_s)
        self._socket.abort()

    async def _watch_outbox(self) -> None:
        """Send away who reads too slowly; what was not read can be had again where the protocol can resume."""
        await self.outbox.overrun.wait()
        self._was_slow = True
        self._refuse(Refusal("too_slow", f"more than {self._limits.outbox_bytes} bytes wait to be read: read faster"))
