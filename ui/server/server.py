"""What all connections share: the model, the limits, the sessions; and the life of a stream from its opening on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from engine.options import StreamingOptions
from engine.service import ModelService
from ui.server.connection import Connection
from ui.server.limits import Limits, refusal_of_another
from ui.server.meters import Meters
from ui.server.outbox import Letter
from ui.server.protocols.protocol import Close, Opening, Refusal, Send, StreamProtocol
from ui.server.session import Session, refusal_letters
from ui.server.sockets import ClientSocket, DisconnectedError

ProtocolFactory = Callable[[Opening], StreamProtocol]

_FIRST_MESSAGE_S = 5.0
"""How long a client's first message is waited for where a refusal can only be said in answer to it."""
_REPLACED = Close(4409, "another connection goes on with this session")
_DEAF = Refusal("internal", "the model has failed, and the server is about to end: connect again in a moment", 5.0)
_DRAINING = Refusal("draining", "the server is about to end: connect again in a moment", 5.0)

_log = logging.getLogger(__name__)


class RefusedError(Exception):
    """No more is taken; ``refusal`` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What clients are told of the model.

    Attributes:
        name: as people call it.
        languages: codes of those it knows; English alone where it knows no other.
    """

    name: str
    languages: Sequence[str]


@dataclass(eq=False, slots=True)
class _Held:
    """A session, the connection that serves it, if one does, and what ends it: its time, or its client's absence."""

    id: str
    number: int
    session: Session
    deadline: asyncio.TimerHandle
    began_s: float
    absence: asyncio.TimerHandle | None = None
    connection: Connection | None = None
    handover: asyncio.Lock = field(default_factory=asyncio.Lock)


class SpeechServer:
    """One model and its clients."""

    def __init__(self, service: ModelService, model: ModelInfo, limits: Limits, defaults: StreamingOptions) -> None:
        """``defaults``: options of a stream that asks for nothing."""
        self.service = service
        self.model = model
        self.limits = limits
        self.defaults = replace(defaults, backlog_s=limits.queue_s)
        self.meters = Meters()
        self._held: dict[str, _Held] = {}
        self._n_begun = 0
        self._n_uploads = 0
        self._has_no_uploads = asyncio.Event()
        self._has_no_uploads.set()
        self._is_draining = False
        self._ends: set[asyncio.Task[None]] = set()

    @property
    def n_streams(self) -> int:
        """How many streams there are, those of clients that were cut off and uploads among them."""
        return len(self._held) + self._n_uploads

    @property
    def live_lag_s(self) -> float:
        """How late the latest live stream is, in seconds."""
        return max((held.session.live_lag_s for held in self._held.values()), default=0.0)

    @property
    def readiness(self) -> Literal["ready", "draining", "model_failed"]:
        """Whether streams are begun, or why not."""
        if not self.service.is_running:
            return "model_failed"
        return "draining" if self._is_draining else "ready"

    @contextlib.contextmanager
    def admit(self) -> Iterator[None]:
        """Count as a stream in the block.

        Raises:
            RefusedError: no more is taken.
        """
        refusal = self._refusal_of_another()
        if refusal is not None:
            self.meters.count_refusal(refusal)
            raise RefusedError(refusal)
        self._n_uploads += 1
        self._has_no_uploads.clear()
        try:
            yield
        finally:
            self._n_uploads -= 1
            if not self._n_uploads:
                self._has_no_uploads.set()

    async def serve_stream(self, socket: ClientSocket, opening: Opening, protocol: StreamProtocol) -> None:
        """Serve a client from its first message to its last, or refuse it in its protocol's own words."""
        refusal = self._refusal_of_another()
        if refusal is not None:
            await self.refuse(socket, protocol, refusal)
            return
        session = Session(protocol, self.service.open(opening.defaults), self.meters)
        too_long = Refusal("too_long", f"a session lasts {self.limits.session_s:g} s at most: connect again")
        loop = asyncio.get_running_loop()
        deadline = loop.call_later(self.limits.session_s, session.end, too_long)
        self._n_begun += 1
        held = _Held(opening.stream_id, self._n_begun, session, deadline, loop.time())
        self._held[held.id] = held
        self.meters.count_stream(opening.path)
        _log.info("stream %d begins at %s, one of %d", held.number, opening.path, self.n_streams)
        held.connection = Connection(socket, session, self.limits)
        await session.open(held.connection.outbox)
        await self._serve(held, held.connection)

    def knows(self, stream_id: str) -> bool:
        """Whether there is a session to go on with."""
        return stream_id in self._held

    async def serve_again(self, socket: ClientSocket, stream_id: str, after: int) -> None:
        """Go on with a session the server ``knows``: from behind message ``after``, in the place of any connection."""
        held = self._held[stream_id]
        connection = Connection(socket, held.session, self.limits)
        async with held.handover:
            before, held.connection = held.connection, connection
            if held.absence is not None:
                held.absence.cancel()
            if before is not None:
                await before.leave(_REPLACED)
            await held.session.reopen(connection.outbox, after)
        self.meters.n_resumed.inc()
        _log.info("stream %d goes on with another connection", held.number)
        await self._serve(held, connection)

    async def refuse(self, socket: ClientSocket, protocol: StreamProtocol, refusal: Refusal) -> None:
        """Say why a client is not served, at once or in answer to its first message, and close."""
        self.meters.count_refusal(refusal)
        _log.info("a stream is refused: %s", refusal.kind)
        letters = refusal_letters(protocol, refusal)
        try:
            if len(letters) == 1:
                letters = [*await _late_answer(socket, protocol), *letters]
            for letter in letters:
                if isinstance(letter, Close):
                    await socket.close(letter.code, letter.reason)
                else:
                    await socket.send(letter)
        except DisconnectedError:
            return

    async def drain(self) -> None:
        """Begin no stream any more, finish what was said in those that run, and close them; bounded in time."""
        self._is_draining = True
        for held in self._held.values():
            held.session.end(_DRAINING)
        ends = [held.session.wait_told() for held in self._held.values()]
        await _within(self.limits.drain_s, [self._has_no_uploads.wait(), *ends])
        leaving = [held.connection for held in self._held.values() if held.connection and held.session.is_told]
        await _within(self.limits.close_s, [connection.gone.wait() for connection in leaving])

    async def aclose(self) -> None:
        """Give up every session."""
        for held in list(self._held.values()):
            await self._end(held)
        if self._ends:
            await asyncio.wait(self._ends)

    def _refusal_of_another(self) -> Refusal | None:
        if not self.service.is_running:
            return _DEAF
        if self._is_draining:
            return _DRAINING
        busy = self.service.load.busy
        return refusal_of_another(self.limits, n_streams=self.n_streams, busy=busy, lag_s=self.live_lag_s)

    async def _serve(self, held: _Held, connection: Connection) -> None:
        was_goodbye = True
        try:
            was_goodbye = await connection.serve()
        finally:
            if held.connection is connection:
                held.connection = None
                held.session.detach()
                if was_goodbye or not held.session.can_resume:
                    await self._end(held)
                else:
                    self._await_return(held)

    def _await_return(self, held: _Held) -> None:
        """End the session when its client has stayed away for too long."""
        loop = asyncio.get_running_loop()

        def give_up() -> None:
            end = loop.create_task(self._end(held))
            self._ends.add(end)
            end.add_done_callback(self._ends.discard)

        held.absence = loop.call_later(self.limits.resume_s, give_up)

    async def _end(self, held: _Held) -> None:
        held.deadline.cancel()
        if held.absence is not None:
            held.absence.cancel()
        if self._held.pop(held.id, None) is not None:
            took_s = asyncio.get_running_loop().time() - held.began_s
            _log.info("stream %d ends after %.1f s and %.1f s of audio", held.number, took_s, held.session.audio_s)
        await held.session.aclose()


async def _within(seconds: float, works: Sequence[Coroutine[Any, Any, object]]) -> None:
    """Wait for all of ``works``, but no longer."""
    tasks = [asyncio.create_task(work) for work in works]
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()


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
