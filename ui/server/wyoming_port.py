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

    def __init__(self, reader: StreamReader, writer: StreamWriter, linger_s: float) -> None:
        """``linger_s``: how long a client may speak on where it is not listened to any more: it reads only then."""
        self._reader = reader
        self._writer = writer
        self._linger_s = linger_s
        self._reading = asyncio.Lock()
        self._has_eof = False
        self._is_closed = asyncio.Event()

    async def receive(self) -> bytes:
        """Return what arrived; once nothing, where the client sends no more: it may still read."""
        async with self._reading:
            if not self._has_eof:
                try:
                    return await self._read()
                except OSError as error:
                    raise DisconnectedError(is_goodbye=False) from error
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
        """End the connection, once the client has ended it too.

        Until then what comes is thrown away: where it is not read, the system answers it with a reset, which can
        overtake the last words.
        """
        with suppress(OSError, TimeoutError):
            self._writer.write_eof()
            async with asyncio.timeout(self._linger_s), self._reading:
                while not self._has_eof:
                    await self._read()
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

    async def _read(self) -> bytes:
        received = await self._reader.read(_READ_BYTES)
        self._has_eof = not received
        return received


@asynccontextmanager
async def wyoming_served(server: SpeechServer, bound: socket.socket) -> AsyncIterator[None]:
    """Answer on ``bound`` while the block runs; what is still connected at its end is cut."""
    connections: dict[asyncio.Task[None], TcpClient] = {}

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        client, task = TcpClient(reader, writer, server.limits.idle_s), asyncio.current_task()
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
