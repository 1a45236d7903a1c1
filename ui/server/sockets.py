"""The two kinds of connection a stream comes over, as one: messages in, messages out."""

from __future__ import annotations

from typing import Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect


class DisconnectedError(Exception):
    """The client is gone, or said goodbye.

    Attributes:
        is_goodbye: whether it closed the connection in an orderly way.
    """

    def __init__(self, *, is_goodbye: bool) -> None:
        super().__init__("the client closed the connection" if is_goodbye else "the connection broke")
        self.is_goodbye = is_goodbye


class ClientSocket(Protocol):
    """One client's connection, accepted already."""

    async def receive(self) -> str | bytes:
        """Return the next message.

        Raises:
            DisconnectedError: there will be no more.
        """

    async def send(self, message: str | bytes) -> None:
        """Send, and return when the connection has room for more.

        Raises:
            DisconnectedError: nobody can receive it.
        """

    async def close(self, code: int, reason: str) -> None:
        """End the connection; ``receive`` raises from then on."""

    def abort(self) -> None:
        """Cut the connection: the client does not read."""


ABORT = "max_whisper.abort"
"""In a connection's scope: what cuts it, where the close would wait behind what the client does not read."""
_GOODBYES = {1000, 1001}


class WebSocketClient:
    """A WebSocket that Starlette has accepted."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def receive(self) -> str | bytes:
        """Return the next message."""
        received = await self._websocket.receive()
        if received["type"] == "websocket.disconnect":
            raise DisconnectedError(is_goodbye=received.get("code", 1005) in _GOODBYES)
        text = received.get("text")
        return text if isinstance(text, str) else bytes(received["bytes"])

    async def send(self, message: str | bytes) -> None:
        """Send, and return when the connection has room for more."""
        try:
            if isinstance(message, str):
                await self._websocket.send_text(message)
            else:
                await self._websocket.send_bytes(message)
        except WebSocketDisconnect as error:
            raise DisconnectedError(is_goodbye=False) from error

    async def close(self, code: int, reason: str) -> None:
        """End the connection."""
        try:
            await self._websocket.close(code, reason)
        except (WebSocketDisconnect, RuntimeError):  # Starlette's, where it has been closed already
            return

    def abort(self) -> None:
        """Cut the connection."""
        self._websocket.scope["state"][ABORT]()
