"""uvicorn, as this server uses it: sockets in, our application, and an end that we decide on."""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from ui.server.sockets import ABORT

_PING_S = 20.0
_REQUEST_S = 10.0
"""How long a request may take to come, its body not counted."""
_LINGER_S = 5.0
"""How long a client may go on with a message that is not taken."""
_END_S = 5.0
"""How long what still runs at the end of the server may take."""
_NO_ROOM = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 10\r\n\r\n"
_LARGER = 2
"""Messages are refused in the protocol's own words up to so many times the limit, and cut off beyond."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Transport:
    """How the port is spoken to.

    Attributes:
        message_bytes: the biggest WebSocket message.
        tls_cert, tls_key: PEM files; None for plain HTTP.
        trusted_proxies: addresses whose X-Forwarded-For is believed.
        ping_s: how often each WebSocket is asked whether it is still there, and how long it may take to answer.
    """

    message_bytes: int
    tls_cert: Path | None = None
    tls_key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    ping_s: float = _PING_S

    def __post_init__(self) -> None:
        if self.tls_cert is None:
            return
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self.tls_cert, self.tls_key)
        except OSError as error:  # ssl's own are some
            files = f"{self.tls_cert} and {self.tls_key}" if self.tls_key else f"{self.tls_cert}"
            raise ValueError(
                f"{files} cannot be used for TLS ({error}): give a certificate chain and its key"
            ) from error


class _WebSocket(WebSocketsSansIOProtocol):
    """Can be cut by the application; takes any sign of life for an answer to a ping."""

    _was_heard = False
    _is_over = False

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            self.scope["state"][ABORT] = self.transport.abort

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        self._was_heard = True
        super().data_received(data)

    def handle_parser_exception(self) -> None:
        """Say what is wrong, and throw away what still comes: what is not read is answered by a reset.

        That would overtake the close, which says why.
        """
        assert self.conn.close_sent is not None
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self._is_over = self.close_sent = True
        self.stop_keepalive()
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(_LINGER_S, self.transport.close)

    def keepalive_timeout(self) -> None:
        # The answer may wait behind audio that is not read yet: a client is not gone because the model is behind.
        if (self._was_heard or self.read_paused) and not self.transport.is_closing():
            self._was_heard = False
            assert self.ping_timeout is not None
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)
        else:
            super().keepalive_timeout()


class _Http(H11Protocol):
    """Lets go of who connects and asks nothing, or never asks to the end, and of who finds no room."""

    _deadline: asyncio.TimerHandle | None = None

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > _most_connections():
            transport.write(_NO_ROOM)
            transport.close()
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # A request that comes byte by byte, and a body that nobody wants any more, have so long as the first request.
        if self._is_answering:
            self._stop_waiting()
        elif self._deadline is None:
            self._wait()

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(_REQUEST_S, self._let_go)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _let_go(self) -> None:
        if not self._is_answering and self.transport.get_protocol() is self:
            self.transport.close()


def _most_connections() -> int:
    """So many that files can still be opened: past the limit asyncio would try to accept, and complain, without end."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit * 3 // 4


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a TCP socket bound to ``host`` and ``port``, 0 for any free one.

    Raises:
        OSError: the address is in use, or is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


@asynccontextmanager
async def served(app: ASGIApp, bound: socket.socket, transport: Transport) -> AsyncIterator[None]:
    """Answer on ``bound`` while the block runs; what is still connected at its end is closed."""
    server = Server(_config(app, transport))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup(sockets=[bound])
    try:
        yield
    finally:
        await _end(server)


async def _end(server: Server) -> None:
    """Close the listener and every connection; uvicorn's own way asks ten times a second whether they are gone."""
    for listener in server.servers:
        listener.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
    tasks = set(server.server_state.tasks)
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=_END_S)
        for task in late:
            task.cancel()
    await asyncio.sleep(0)  # for the transports to close


def _config(app: ASGIApp, transport: Transport) -> Config:
    tls: dict[str, Any] = {}
    if transport.tls_cert is not None:
        tls = {"ssl_certfile": str(transport.tls_cert), "ssl_keyfile": transport.tls_key and str(transport.tls_key)}
    return Config(
        app,
        http=_Http,
        ws=_WebSocket,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        ws_max_size=_LARGER * transport.message_bytes,
        ws_ping_interval=transport.ping_s,
        ws_ping_timeout=transport.ping_s,
        # What is compressed can be a thousand times as long as it looks; PCM hardly becomes shorter.
        ws_per_message_deflate=False,
        proxy_headers=bool(transport.trusted_proxies),
        forwarded_allow_ips=list(transport.trusted_proxies),
        **tls,
    )
