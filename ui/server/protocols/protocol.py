"""What a wire format is: a client's messages become commands, events become messages.  No I/O, no clock.

A protocol belongs to one connection.  It is told what arrived, and answers with what is to be done:

    open() → commands                  the connection was accepted
    receive_message(message) → commands    from the client
    receive_event(timed) → messages        from the engine
    refuse(refusal) → commands         a limit was reached
    last_text() → messages             all is final
    finish() → messages                the connection closes normally after them
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from engine.events import TimedEvent
from engine.options import StreamingOptions
from stream.raw import AudioFormat

__all__ = [
    "Audio",
    "AudioFormat",
    "BadOpeningError",
    "Clear",
    "Close",
    "Command",
    "Configure",
    "End",
    "Flush",
    "Opening",
    "Pause",
    "Refusal",
    "Resume",
    "Send",
    "Skip",
    "StreamProtocol",
]


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound, of any length; half a sample at its end waits for the next."""

    data: bytes
    format: AudioFormat


@dataclass(frozen=True, slots=True)
class Skip:
    """The client lost ``duration_s`` seconds of audio: the stream goes on behind them."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class Configure:
    """For the utterances to come."""

    options: StreamingOptions


@dataclass(frozen=True, slots=True)
class Flush:
    """What is open ends here; ``Flushed(tag)`` comes when all audio before it has been transcribed."""

    tag: str = ""


@dataclass(frozen=True, slots=True)
class Clear:
    """Forget the utterance under way."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Hear nothing until ``Resume``: audio that comes meanwhile counts as silence."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Hear again."""


@dataclass(frozen=True, slots=True)
class End:
    """No more audio comes: finish, then close normally."""


@dataclass(frozen=True, slots=True)
class Send:
    """Answer at once."""

    message: str | bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection now.

    Attributes:
        code: as in RFC 6455 §7.4.
        reason: for people, at most 123 bytes of UTF-8.
    """

    code: int = 1000
    reason: str = ""


Command = Audio | Skip | Configure | Flush | Clear | Pause | Resume | End | Send | Close


@dataclass(frozen=True, slots=True)
class Opening:
    """What a connection begins with.

    Attributes:
        path, query, headers: of the request; header names are lower case.
        subprotocols: those the client offers, in its order.
        model_name: of the one model, as people call it.
        languages: codes of those it knows.
        defaults: options of a stream that asks for nothing.
        stream_id: unique, and not to be guessed.
        opened_at: when the request came, "2026-11-26T23:10:00.123Z".
        preset: what the stream is set to by who let this client in, as its protocol keeps it; None for nothing.
    """

    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    subprotocols: Sequence[str]
    model_name: str
    languages: Sequence[str]
    defaults: StreamingOptions
    stream_id: str
    opened_at: str = ""
    preset: object = None


class BadOpeningError(Exception):
    """Raised where a protocol is made for a request that makes no sense: it is answered with HTTP, not accepted.

    Attributes:
        status: of the answer.
        body: of the answer; JSON where it begins with a brace.
        headers: more of them.
    """

    def __init__(self, body: str, *, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(body)
        self.status = status
        self.body = body
        self.headers: Mapping[str, str] = headers or {}


RefusalKind = Literal["busy", "too_large", "too_long", "idle", "too_slow", "draining", "unauthorized", "internal"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the server does not serve, or serves no longer.

    Attributes:
        kind: which limit it is.
        message: what happened, which value, and what to do, for people.
        retry_after_s: when it is worth another try, in seconds; None where that is not known.
    """

    kind: RefusalKind
    message: str
    retry_after_s: float | None = None


class StreamProtocol(Protocol):
    """A wire format, for one connection.  It keeps no more than a bounded state, whatever a client sends."""

    def open(self) -> list[Command]:
        """Return what is to be done right after the connection was accepted."""

    def receive_message(self, message: str | bytes) -> list[Command]:
        """Return what the client asks for; never raises: what makes no sense is answered, or the connection closed."""

    def receive_event(self, timed: TimedEvent) -> list[str | bytes]:
        """Return what the client is told about an event, maybe nothing."""

    def refuse(self, refusal: Refusal) -> list[Command]:
        """Return how a limit is said in this format; the connection is closed behind it in any case.

        Nothing, where it can only be said in answer to a client's first message: that one is waited for, shortly.
        """

    def last_text(self) -> list[str | bytes]:
        """Return what was held back of the text: every event has been received."""

    def finish(self) -> list[str | bytes]:
        """Return the last messages before the normal close, behind the last text."""
