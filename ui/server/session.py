"""One client's stream: its protocol, its audio, its events; it can outlive a connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing, contextmanager
from typing import Protocol, assert_never, runtime_checkable

from engine.events import Flushed, SpeechStarted, SpeechStopped, Status, TimedEvent
from engine.live_stream import LiveStream
from stream.audio import AudioChunk, seconds
from ui.server.intake import Intake
from ui.server.meters import Meters
from ui.server.outbox import Letter, Outbox
from ui.server.protocols.protocol import (
    Audio,
    Clear,
    Close,
    Command,
    Configure,
    End,
    Flush,
    Pause,
    Refusal,
    RefusalKind,
    Resume,
    Send,
    Skip,
    StreamProtocol,
)
from ui.server.protocols.reading import close_reason
from ui.server.stall import StallTimer

_CLOSE_CODES: dict[RefusalKind, int] = {
    "busy": 1013,
    "too_large": 1009,
    "too_long": 1008,
    "idle": 1008,
    "too_slow": 1008,
    "draining": 1001,
    "unauthorized": 1008,
    "internal": 1011,
}
FAULT = Refusal("internal", "this is a fault of the server, which its log tells of: connect again")
_LIVE_LEAD_S = 2.0
"""A stream whose audio comes no further ahead than that is spoken now: somebody waits for its words."""

_STALLED = "\0stalled"
"""The tag of our own flush; no client is told of it."""

_log = logging.getLogger(__name__)


@runtime_checkable
class Resumable(Protocol):
    """A protocol whose clients can come back on another connection."""

    def resume(self, after: int) -> list[Command]:
        """Return what a client that comes back has missed behind message ``after``."""


class Session:
    """What a client has with the server, from its opening to the last final."""

    def __init__(self, protocol: StreamProtocol, stream: LiveStream, meters: Meters) -> None:
        self._protocol = protocol
        self._stream = stream
        self._meters = meters
        self._intake = Intake()
        self._outbox: Outbox | None = None
        self._farewell: Refusal | None = None
        self._has_ended = False
        self._telling: asyncio.Task[None] | None = None
        self._is_speech = self._is_manual = False
        self._stall = StallTimer()
        self.live_lag_s = 0.0

    @property
    def is_told(self) -> bool:
        """Whether all has been told."""
        return self._telling is not None and self._telling.done()

    @property
    def audio_s(self) -> float:
        """Seconds of audio received, gaps counted."""
        return seconds(self._intake.end_sample)

    @property
    def is_paused(self) -> bool:
        """Whether the client said that nothing will come for a while."""
        return self._intake.is_paused

    @property
    def has_ended(self) -> bool:
        """Whether no more audio is taken."""
        return self._has_ended

    @property
    def can_resume(self) -> bool:
        """Whether the client may come back on another connection."""
        return isinstance(self._protocol, Resumable)

    async def open(self, outbox: Outbox) -> None:
        """Begin with the first connection."""
        self._outbox = outbox
        with self._told():
            await self._obey(self._protocol.open())
        self._telling = asyncio.create_task(self._tell())

    async def reopen(self, outbox: Outbox, after: int) -> None:
        """Go on with another connection, from behind message ``after``."""
        assert isinstance(self._protocol, Resumable)
        self._outbox = outbox
        self._intake.forget_incomplete()
        self._stall.start(self._end_stalled_utterance)
        with self._told():
            await self._obey(self._protocol.resume(after))
        if self.is_told:
            self._put([Close()])

    def detach(self) -> None:
        """The connection is gone: what is told now reaches nobody yet."""
        self._outbox = None

    async def receive_message(self, message: str | bytes) -> None:
        """Do what the client asks for; returns when it may ask for more."""
        with self._told():
            await self._obey(self._protocol.receive_message(message))
            await self._stream.wait_for_room()

    def end(self, farewell: Refusal | None = None) -> None:
        """Take no more audio; what was heard becomes final, then the connection is closed, with the reason if any."""
        if not self._has_ended:
            self._has_ended = True
            self._farewell = farewell
            self._flush_intake()
            self._stream.receive_eof()

    def refuse(self, refusal: Refusal) -> None:
        """Close the connection with the reason, before all that still waits to be sent."""
        if self._outbox is not None:
            self._outbox.replace_all(self.refusal_letters(refusal))

    def refusal_letters(self, refusal: Refusal) -> list[Letter]:
        """How the protocol says it, and a close."""
        self._meters.count_refusal(refusal)
        _log.info("a stream is closed: %s", refusal.kind)
        return refusal_letters(self._protocol, refusal)

    async def wait_told(self) -> None:
        """Return when all has been told."""
        if self._telling is not None:
            await asyncio.wait({self._telling})

    async def aclose(self) -> None:
        """Give up at once."""
        self._stall.stop()
        # A task that was cancelled holds its frames, and they us: nothing may be left to the garbage collector.
        telling, self._telling = self._telling, None
        if telling is not None:
            telling.cancel()
            await asyncio.wait({telling})
        await self._stream.aclose()

    async def _obey(self, commands: Iterable[Command]) -> None:
        for command in commands:
            match command:
                case Audio(data=data, format=format):
                    await self._take(self._intake.receive(data, format))
                case Send() | Close() | End():
                    self._answer(command)
                case _ if not self._has_ended:
                    self._change(command)
                case Flush(tag=tag):  # of what came before the end
                    self._stream.flush(tag)

    async def _take(self, chunks: Iterator[AudioChunk]) -> None:
        """Give chunks to the stream as it has room."""
        self._stall.stop()
        for chunk in chunks:
            if self._has_ended:
                return
            self._give(chunk)
            await self._stream.wait_for_room()
        self._stall.start(self._end_stalled_utterance)

    def _answer(self, command: Send | Close | End) -> None:
        match command:
            case Send(message=message):
                self._put([message])
            case Close():
                self._put([command])
            case End():
                self.end()
            case _:
                assert_never(command)

    def _change(self, command: Skip | Configure | Flush | Clear | Pause | Resume) -> None:
        match command:
            case Configure(options=options):
                self._stream.configure(options)
                self._is_manual = options.gate.is_manual
            case Skip(duration_s=duration_s):
                self._flush_intake()
                self._intake.skip(duration_s)
            case Flush(tag=tag):
                self._flush_intake()
                self._stream.flush(tag)
            case Clear():
                self._stream.clear()
            case Pause():
                self._flush_intake()
                self._intake.is_paused = True
            case Resume():
                self._intake.is_paused = False
            case _:
                assert_never(command)

    def _end_stalled_utterance(self) -> None:
        """Somebody spoke, and no more sound comes: the silence that ends an utterance would never come either.

        Who says where an utterance ends may well go on in the middle of a word.
        """
        if self._is_speech and not self._is_manual and self._outbox is not None and not self._has_ended:
            self._flush_intake()
            self._stream.flush(_STALLED)

    def _flush_intake(self) -> None:
        for chunk in self._intake.flush():
            self._give(chunk)

    def _give(self, chunk: AudioChunk) -> None:
        self._meters.audio_s.inc(seconds(len(chunk.samples)))
        self._stream.receive_audio(chunk)

    async def _tell(self) -> None:
        """Tell the client what happens, until all is final."""
        events: AsyncGenerator[TimedEvent] = self._stream.events()
        with self._told():
            async with aclosing(events):
                async for timed in events:
                    self._note(timed)
                    if not _is_ours(timed):
                        self._put(self._protocol.receive_event(timed))
            self._put(self._last_letters())

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Whatever fails for one client is told to it and to the log, and to nobody else."""
        try:
            yield
        except Exception:  # noqa: BLE001  # the top of all that is done for one client
            _log.exception("a stream failed")
            self.refuse(FAULT)

    def _last_letters(self) -> list[Letter]:
        text = self._protocol.last_text()
        if self._farewell is not None:
            return [*text, *self.refusal_letters(self._farewell)]
        return [*text, *self._protocol.finish(), Close()]

    def _note(self, timed: TimedEvent) -> None:
        self._meters.watch(timed)
        match timed.event:
            case Status(now_s=now_s):
                self.live_lag_s = self._stream.late_s if now_s - timed.t_s < _LIVE_LEAD_S else 0.0
            case SpeechStarted():
                self._is_speech = True
            case SpeechStopped():
                self._is_speech = False

    def _put(self, letters: Iterable[Letter]) -> None:
        if self._outbox is not None:
            self._outbox.put(letters)


def _is_ours(timed: TimedEvent) -> bool:
    """Whether it answers a flush that no client asked for."""
    return isinstance(timed.event, Flushed) and timed.event.tag == _STALLED


def refusal_letters(protocol: StreamProtocol, refusal: Refusal) -> list[Letter]:
    """Return how ``protocol`` says it, and a close."""
    letters: list[Letter] = []
    for command in protocol.refuse(refusal):
        match command:
            case Send(message=message):
                letters.append(message)
            case Close():
                return [*letters, command]
            case _:
                raise AssertionError(f"a refusal is messages and a close, not {command}")
    return [*letters, Close(_CLOSE_CODES[refusal.kind], close_reason(refusal.message))]
