"""What the port answers before there is a model behind it: that the program lives, and that it is not ready."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

_RETRY_S = "5"


class WaitingRoom:
    """Stands for the application, and lets everybody through once it is there.

    Attributes:
        app: the application; None until it is there.
    """

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self.app is not None:
            await self.app(scope, receive, send)
            return
        is_alive = scope["type"] == "http" and scope["path"] == "/healthz"
        status = {"status": "ok"} if is_alive else {"status": "loading", "message": "the model is being loaded"}
        response = JSONResponse(status, 200 if is_alive else 503, {} if is_alive else {"Retry-After": _RETRY_S})
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(response)
        else:
            await response(scope, receive, send)
