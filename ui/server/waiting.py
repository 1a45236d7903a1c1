"""What the port answers before there is a model behind it: the page, and that the program lives but is not ready."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from ui.server.gatekeeper import with_headers
from ui.server.pages import is_page, page_routes

_LIVES = "/healthz"
_RETRY_S = "5"
_LOADING = "the model is being loaded: try again in a moment"


class WaitingRoom:
    """Stands for the application, and lets everybody through once it is there.

    Attributes:
        app: the application; None until it is there.
    """

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self._early: ASGIApp = Starlette(routes=[Route(_LIVES, _healthz), *page_routes()])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self.app is not None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(_not_ready())
        elif scope["path"] == _LIVES or is_page(scope["path"]):
            await self._early(scope, receive, with_headers(send))
        else:
            await _not_ready()(scope, receive, with_headers(send))


def _not_ready() -> Response:
    error = {"message": _LOADING, "type": "server_error", "code": "loading", "param": None}
    return JSONResponse({"error": error}, 503, {"Retry-After": _RETRY_S})


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})
