"""Wyoming's own TCP port: the connections of Home Assistant, which are no WebSockets.

The protocol knows no tokens: whoever reaches the port is served.
"""

from __future__ import annotations

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from ui.server.protocols.protocol import Opening
from ui.server.protocols.wyoming import Wyoming
from ui.server.server import SpeechServer, new_stream_id
from ui.server.sockets import DisconnectedError

_READ_BYTES = 65_536


class TcpClient:
    """A TCP connection as a ``ClientSocket``; a message is what one read brought."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._has_eof = False
        self._is_closed = asyncio.Event()

    async def receive(self) -> bytes:
        """Return what arrived; once nothing, where the client sends no more: it may still read."""
        if not self._has_eof:
            try:
                received = await self._reader.read(_READ_BYTES)
            except OSError as error:
                raise DisconnectedError(is_goodbye=False) from error
            self._has_eof = not received
            return received
        await self._is_closed.wait()
        raise DisconnectedError(is_goodbye=True)

    async def send(self, message: str | bytes) -> None:
        """Send, and return when the connection has room for more."""
        try:
            self._writer.write(message.encode() if isinstance(message, str) else message)
            await self._writer.drain()
        except OSError as error:
            self._is_closed.set()
            raise DisconnectedError(is_goodbye=False) from error

    async def close(self, code: int, reason: str) -> None:  # noqa: ARG002  # TCP has neither
        """End the connection; returns when all has been sent."""
        self._has_eof = True
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
        self._is_closed.set()

    def abort(self) -> None:
        """Cut the connection."""
        self._has_eof = True
        self._is_closed.set()
        self._writer.transport.abort()


@asynccontextmanager
async def wyoming_served(server: SpeechServer, bound: socket.socket) -> AsyncIterator[None]:
    """Answer on ``bound`` while the block runs; what is still connected at its end is cut."""
    connections: dict[asyncio.Task[None], TcpClient] = {}

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        client, task = TcpClient(reader, writer), asyncio.current_task()
        assert task is not None
        connections[task] = client
        opening = _opening(server)
        try:
            await server.serve_stream(client, opening, Wyoming(opening))
        finally:
            client.abort()
            del connections[task]

    listener = await asyncio.start_server(serve, sock=bound, limit=_READ_BYTES)
    try:
        yield
    finally:
        listener.close()
        for client in list(connections.values()):
            client.abort()
        await asyncio.gather(*connections, return_exceptions=True)


def _opening(server: SpeechServer) -> Opening:
    return Opening(
        path="wyoming",
        query={},
        headers={},
        subprotocols=(),
        model_name=server.model.name,
        languages=server.model.languages,
        defaults=server.defaults,
        stream_id=new_stream_id(),
    )
