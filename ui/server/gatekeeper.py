"""Stands before the application: turns away who may not use it, and adds the headers every answer has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from ui.server.access import Access, Asked, Denial
from ui.server.meters import Meters
from ui.server.pages import is_page

DENIED = "max_whisper.denied"
"""In a WebSocket's scope: why it is to be refused in its protocol's own words, as a browser reads no other."""
_OPEN_PATHS = {"/healthz", "/readyz", "/v1/info"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; img-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "Permissions-Policy": "microphone=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Gatekeeper:
    """An ASGI middleware."""

    def __init__(self, app: ASGIApp, access: Access, meters: Meters) -> None:
        self._app = app
        self._access = access
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or deny it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        if scope["type"] == "http" and is_page(scope["path"]):
            # Under a name that is refused, the page is what says so.
            await self._app(scope, receive, with_headers(send))
            return
        asked = HTTPConnection(scope)
        is_open = scope["type"] == "http" and scope["path"] in _OPEN_PATHS
        denial = self._access.denial_of(asked_of(asked), is_open=is_open)
        if denial is not None:
            self._meters.count_denial(denial.reason)
            if scope["type"] == "websocket" and denial.reason != "origin" and "origin" in asked.headers:
                scope["state"][DENIED] = denial
            else:
                await _deny(denial, scope, receive, with_headers(send))
                return
        await self._app(scope, receive, with_headers(send))


def asked_of(request: HTTPConnection[Any]) -> Asked:
    """Return what ``request`` says of who asks."""
    peer = request.client.host if request.client is not None else ""
    return Asked(
        request.scope["path"], request.headers, request.query_params, request.scope.get("subprotocols", ()), peer
    )


async def _deny(denial: Denial, scope: Scope, receive: Receive, send: Send) -> None:
    response = JSONResponse(_body(denial), denial.status, _headers(denial))
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await response(scope, receive, send)


def _body(denial: Denial) -> dict[str, Any]:
    """The form of OpenAI's errors, which its clients show to people."""
    kind = {401: "authentication_error", 429: "rate_limit_error"}.get(denial.status, "permission_error")
    return {"error": {"message": denial.message, "type": kind, "code": denial.reason, "param": None}}


def _headers(denial: Denial) -> dict[str, str]:
    headers = {"WWW-Authenticate": "Bearer"} if denial.status == 401 else {}
    return headers | ({"Retry-After": f"{denial.retry_after_s:.0f}"} if denial.retry_after_s is not None else {})


def with_headers(send: Send) -> Send:
    """Return ``send`` with the headers that keep browsers safe in every HTTP answer."""

    async def sendwith_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            more = [(n.lower().encode(), v.encode()) for n, v in HEADERS.items() if n.lower().encode() not in given]
            message["headers"] = [*message["headers"], *more]
        await send(message)

    return sendwith_headers


def denied(websocket: WebSocket) -> Denial | None:
    """Return why a WebSocket that came this far is to be refused in its protocol's own words."""
    denial = websocket.scope["state"].get(DENIED)
    return denial if isinstance(denial, Denial) else None
