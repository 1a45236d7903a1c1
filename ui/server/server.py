"""What all connections share: the model, the limits, the sessions; and the life of one stream from its opening on."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.options import StreamingOptions
from engine.service import ModelService
from ui.server.connection import Connection
from ui.server.limits import Limits, refusal_of_another
from ui.server.outbox import Letter
from ui.server.protocols.protocol import Close, Opening, Refusal, Send, StreamProtocol
from ui.server.session import Session, refusal_letters
from ui.server.sockets import ClientSocket, DisconnectedError

ProtocolFactory = Callable[[Opening], StreamProtocol]

_FIRST_MESSAGE_S = 5.0
"""How long a client's first message is waited for where a refusal can only be said in answer to it."""

_log = logging.getLogger("max_whisper.server")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What clients are told of the model.

    Attributes:
        name: as people call it.
        languages: codes of those it knows; English alone where it knows no other.
    """

    name: str
    languages: Sequence[str]


class SpeechServer:
    """One model and its clients."""

    def __init__(self, service: ModelService, model: ModelInfo, limits: Limits, defaults: StreamingOptions) -> None:
        """``defaults``: options of a stream that asks for nothing."""
        self.service = service
        self.model = model
        self.limits = limits
        self.defaults = defaults
        self._sessions: set[Session] = set()
        self._is_draining = False

    @property
    def n_streams(self) -> int:
        """How many streams there are, those of clients that were cut off among them."""
        return len(self._sessions)

    @property
    def live_lag_s(self) -> float:
        """How late the latest live stream is, in seconds."""
        return max((session.live_lag_s for session in self._sessions), default=0.0)

    def refusal_of_another(self) -> Refusal | None:
        """Return why one more stream cannot be served now; None where it can."""
        if self._is_draining:
            return Refusal("draining", "the server is about to end: connect again in a moment", 5.0)
        busy = self.service.load.busy
        return refusal_of_another(self.limits, n_streams=self.n_streams, busy=busy, lag_s=self.live_lag_s)

    async def serve_stream(self, socket: ClientSocket, opening: Opening, protocol: StreamProtocol) -> None:
        """Serve a client from its first message to its last, or refuse it in its protocol's own words."""
        refusal = self.refusal_of_another()
        if refusal is not None:
            return await self.refuse(socket, protocol, refusal)
        session = Session(protocol, self.service.open(opening.defaults), lambda _: None)
        self._sessions.add(session)
        try:
            connection = Connection(socket, session, self.limits)
            await session.open(connection.outbox)
            await connection.serve()
        finally:
            self._sessions.discard(session)
            await session.aclose()

    async def refuse(self, socket: ClientSocket, protocol: StreamProtocol, refusal: Refusal) -> None:
        """Say why a client is not served, at once or in answer to its first message, and close."""
        letters = refusal_letters(protocol, refusal)
        try:
            if len(letters) == 1:
                letters = [*await _late_answer(socket, protocol), *letters]
            for letter in letters:
                if isinstance(letter, Close):
                    return await socket.close(letter.code, letter.reason)
                await socket.send(letter)
        except DisconnectedError:
            return None

    async def drain(self) -> None:
        """Begin no stream any more, finish what was said in those that run, and close them; bounded in time."""
        self._is_draining = True
        for session in list(self._sessions):
            session.end(Refusal("draining", "the server is about to end: connect again in a moment", 5.0))
        endings = [asyncio.create_task(session.wait_closed()) for session in self._sessions]
        if endings:
            await asyncio.wait(endings, timeout=self.limits.drain_s)


async def _late_answer(socket: ClientSocket, protocol: StreamProtocol) -> list[Letter]:
    """Return what is said to a client's first message, if it sends one."""
    try:
        async with asyncio.timeout(_FIRST_MESSAGE_S):
            commands = protocol.receive_message(await socket.receive())
    except TimeoutError:
        return []
    return [command.message for command in commands if isinstance(command, Send)]


def new_stream_id() -> str:
    """Return an id that nobody can guess."""
    return secrets.token_urlsafe(18)
