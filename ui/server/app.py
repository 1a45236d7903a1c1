"""What is answered where: the paths of the one port."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from engine.service import Load
from engine.timings import StageTime, Timings
from ui.server.access import REALTIME_PATH, Access, shown_tokens, without_tokens
from ui.server.gatekeeper import Gatekeeper, asked_of, denied
from ui.server.listening import deepgram_route
from ui.server.meters import CONTENT_TYPE
from ui.server.pages import NO_CACHE, page_routes
from ui.server.protocols import own
from ui.server.protocols.deepgram import Deepgram
from ui.server.protocols.openai_realtime import OpenAIRealtime
from ui.server.protocols.protocol import BadOpeningError, Opening, Refusal
from ui.server.protocols.whisper_live import WhisperLive
from ui.server.realtime_secrets import secret_routes
from ui.server.server import ProtocolFactory, SpeechServer, new_stream_id
from ui.server.sockets import WebSocketClient
from ui.server.transcriptions import openai_routes

STREAMS: dict[str, ProtocolFactory] = {
    "/": WhisperLive,
    "/stream": own.OwnProtocol,
    "/v1/listen": Deepgram,
    REALTIME_PATH: OpenAIRealtime,
}
"""Path → what is spoken there."""
SUBPROTOCOLS = (own.SUBPROTOCOL, "realtime", "token", "bearer")
"""Those that are agreed to, where a client offers them."""


def make_app(server: SpeechServer, access: Access, timings: Timings) -> ASGIApp:
    """Return the ASGI application; handlers find ``server`` in ``request.app.state``."""
    routes: list[BaseRoute] = [
        Route("/healthz", _healthz),
        Route("/readyz", _readyz),
        Route("/metrics", _metrics),
        Route("/v1/info", _info),
        *openai_routes(server),
        deepgram_route(server),
        *secret_routes(server, access.client_secrets),
        *(WebSocketRoute(path, _stream_handler(factory)) for path, factory in STREAMS.items()),
    ]
    app = Starlette(routes=[*routes, *page_routes()])
    app.state.server, app.state.access, app.state.timings = server, access, timings
    return with_other_origins(Gatekeeper(app, access, server.meters), access.origins)


def with_other_origins(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """Let pages of ``origins`` read what ``app`` answers, as browsers ask for it: CORS."""
    if not origins:
        return app
    methods, told = ("GET", "POST"), ("Retry-After",)
    return CORSMiddleware(app, origins, methods, allow_headers=("*",), allow_private_network=True, expose_headers=told)


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
        socket = WebSocketClient(websocket)
        if (denial := denied(websocket)) is not None:
            await server.refuse(socket, protocol, Refusal("unauthorized", denial.message, denial.retry_after_s))
        elif isinstance(protocol, own.OwnProtocol) and "session" in opening.query:
            await _go_on(server, socket, opening)
        else:
            await server.serve_stream(socket, opening, protocol)

    return handle


async def _go_on(server: SpeechServer, socket: WebSocketClient, opening: Opening) -> None:
    stream_id, after = opening.query["session"][-1], opening.query.get("after", ("0",))[-1]
    if server.knows(stream_id) and after.isdecimal() and len(after) < 16:
        await server.serve_again(socket, stream_id, int(after))
    else:
        await socket.send(own.GONE_MESSAGE)
        await socket.close(own.GONE, "gone")


def _answer(error: BadOpeningError) -> Response:
    kind = "application/json" if error.body.startswith("{") else "text/plain"
    return Response(error.body, error.status, error.headers, kind)


def opening_of(websocket: WebSocket, server: SpeechServer) -> Opening:
    """Return what a protocol may know of the request: all but what proves who asks."""
    secret = {"authorization", "cookie", "sec-websocket-protocol"}
    headers: Mapping[str, str] = {name: value for name, value in websocket.headers.items() if name not in secret}
    query = {name: websocket.query_params.getlist(name) for name in websocket.query_params if name != "token"}
    return Opening(
        path=websocket.url.path,
        query=query,
        headers=headers,
        subprotocols=without_tokens(websocket.scope["subprotocols"]),
        model_name=server.model.name,
        languages=server.model.languages,
        defaults=server.defaults,
        stream_id=new_stream_id(),
        preset=_preset(websocket),
        opened_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )


def _preset(websocket: WebSocket) -> object:
    """What the client's secret sets, if it shows one."""
    access: Access = websocket.app.state.access
    secret = access.client_secrets.find(shown_tokens(asked_of(websocket)))
    return None if secret is None else secret.session


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _readyz(request: Request) -> Response:
    readiness = request.app.state.server.readiness
    return JSONResponse({"status": readiness}, 200 if readiness == "ready" else 503)


async def _info(request: Request) -> Response:
    server: SpeechServer = request.app.state.server
    model = {"model": server.model.name, "languages": list(server.model.languages)}
    return JSONResponse(model | {"needs_token": request.app.state.access.needs_token}, headers=NO_CACHE)


@dataclass(frozen=True, slots=True)
class _Measured:
    n_streams: int
    live_lag_s: float
    n_tasks: int
    load: Load
    stages: dict[str, StageTime]


async def _metrics(request: Request) -> Response:
    server: SpeechServer = request.app.state.server
    stages = request.app.state.timings.stages
    n_tasks = len(asyncio.all_tasks())
    measured = _Measured(server.n_streams, server.live_lag_s, n_tasks, server.service.load, stages)
    return Response(server.meters.exposition(measured), media_type=CONTENT_TYPE)
