"""What is answered where: the paths of the one port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from ui.server.protocols.own import SUBPROTOCOL, OwnProtocol
from ui.server.protocols.protocol import BadOpeningError, Opening
from ui.server.server import ProtocolFactory, SpeechServer, new_stream_id
from ui.server.sockets import WebSocketClient

STREAMS: dict[str, ProtocolFactory] = {"/stream": OwnProtocol}
"""Path → what is spoken there."""
SUBPROTOCOLS = (SUBPROTOCOL, "realtime", "token")
"""Those that are agreed to, where a client offers them."""


def make_app(server: SpeechServer) -> Starlette:
    """Return the ASGI application; handlers find ``server`` in ``request.app.state``."""
    routes: list[BaseRoute] = [Route("/healthz", _healthz)]
    routes += [WebSocketRoute(path, _stream_handler(factory)) for path, factory in STREAMS.items()]
    app = Starlette(routes=routes)
    app.state.server = server
    return app


def _stream_handler(factory: ProtocolFactory) -> Callable[[WebSocket], Awaitable[None]]:
    async def handle(websocket: WebSocket) -> None:
        server: SpeechServer = websocket.app.state.server
        opening = opening_of(websocket, server)
        try:
            protocol = factory(opening)
        except BadOpeningError as error:
            await websocket.send_denial_response(_answer(error))
            return
        agreed = next((offer for offer in opening.subprotocols if offer in SUBPROTOCOLS), None)
        await websocket.accept(agreed)
        await server.serve_stream(WebSocketClient(websocket), opening, protocol)

    return handle


def _answer(error: BadOpeningError) -> Response:
    kind = "application/json" if error.body.startswith("{") else "text/plain"
    return Response(error.body, error.status, error.headers, kind)


def opening_of(websocket: WebSocket, server: SpeechServer) -> Opening:
    """Return what a protocol may know of the request: all but what proves who asks."""
    secret = {"authorization", "cookie", "sec-websocket-protocol"}
    headers: Mapping[str, str] = {name: value for name, value in websocket.headers.items() if name not in secret}
    query = {name: websocket.query_params.getlist(name) for name in websocket.query_params}
    return Opening(
        path=websocket.url.path,
        query=query,
        headers=headers,
        subprotocols=websocket.scope["subprotocols"],
        model_name=server.model.name,
        languages=server.model.languages,
        defaults=server.defaults,
        stream_id=new_stream_id(),
        opened_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})
