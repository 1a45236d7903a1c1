"""A client of OpenAI's realtime protocol without a socket; every event it is sent must be one of the SDK's own."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter

from engine.events import Discarded, Event, Final, Partial, SpeechStarted, TimedEvent, Token
from engine.options import StreamingOptions
from ui.server.protocols.openai_realtime import OpenAIRealtime
from ui.server.protocols.protocol import Command, Opening, Send

LANGUAGES = ("en", "de", "ja")
BETA_ALONE = {"transcription_session.created", "transcription_session.updated"}


def opening(*, query: Mapping[str, Sequence[str]] | None = None, **more: Any) -> Opening:
    given: dict[str, Any] = {"headers": {}, "subprotocols": (), "defaults": StreamingOptions()} | more
    return Opening(
        path="/v1/realtime",
        query={"intent": ["transcription"]} if query is None else query,
        model_name="tiny.en",
        languages=LANGUAGES,
        stream_id="stream",
        **given,
    )


@cache
def server_event(*, is_beta: bool) -> TypeAdapter[Any]:
    """The SDK's type of what a server may send; not before a test needs it, for its import takes most of a second."""
    if is_beta:
        from openai.types.beta.realtime import RealtimeServerEvent as BetaEvent

        return TypeAdapter(BetaEvent)
    from openai.types.realtime import RealtimeServerEvent

    return TypeAdapter(RealtimeServerEvent)


def validated(message: str | bytes, *, is_beta: bool = False) -> dict[str, Any]:
    """The event, once the SDK's types have taken it, strictly, with no field they do not know."""
    event = json.loads(message)
    # The SDK has no type for the first, and its type of the second asks for a secret that a socket never shows.
    if event["type"] in BETA_ALONE:
        return event
    model = server_event(is_beta=is_beta).validate_json(message, strict=True)
    if not event["type"].startswith("session."):
        assert_known(model)
    return event


def assert_known(model: object) -> None:
    """See that ``model`` and all in it hold only fields that their types declare."""
    if isinstance(model, list):
        for one in model:
            assert_known(one)
    if isinstance(model, BaseModel):
        assert not model.model_extra, f"{type(model).__name__} has {model.model_extra}"
        for name in type(model).model_fields:
            assert_known(getattr(model, name))


TRANSCRIPTION = "conversation.item.input_audio_transcription"
COMMITTED = ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]


def started(utterance: int = 1, start_s: float = 1.0) -> SpeechStarted:
    return SpeechStarted(utterance, start_s)


def partial(stable: str, unstable: str = "", utterance: int = 1) -> Partial:
    return Partial(utterance, stable, unstable, 1.0, 2.0)


def final(text: str, utterance: int = 1, language: str = "en") -> Final:
    tokens = (Token(7, f" {text}".encode(), -0.25),)
    return Final(utterance, text, 1.0, 3.0, language, tokens=tokens)


def discarded(utterance: int = 1) -> Discarded:
    return Discarded(utterance, "no words were heard", 1.0, 3.0)


class Talk:
    """One session; of the beta form once an event shows that."""

    def __init__(self, opening: Opening) -> None:
        self._is_beta = "openai-beta" in opening.headers
        self.protocol = OpenAIRealtime(opening)
        self.opened = self._checked(self.protocol.open())

    def send(self, kind: str, **fields: Any) -> list[Command]:
        return self._checked(self.protocol.receive_message(json.dumps(fields | {"type": kind})))

    def ask(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """Send, and return the events that answer it."""
        return events_of(self.send(kind, **fields))

    def append(self, duration_s: float, rate: int = 24_000) -> list[Command]:
        samples = b"\1\0" * round(duration_s * rate)
        return self.send("input_audio_buffer.append", audio=base64.b64encode(samples).decode())

    def update(self, **settings: Any) -> list[Command]:
        """Set something of ``audio.input``."""
        return self.send("session.update", session={"type": "transcription", "audio": {"input": settings}})

    def hear(self, *events: Event) -> list[dict[str, Any]]:
        """Let the engine tell; return what the client is told."""
        messages = [message for event in events for message in self.protocol.receive_event(TimedEvent(0.0, event))]
        return [self._validated(message) for message in messages]

    def _checked(self, commands: list[Command]) -> list[Command]:
        for command in commands:
            if isinstance(command, Send):
                self._validated(command.message)
        return commands

    def _validated(self, message: str | bytes) -> dict[str, Any]:
        event = validated(message, is_beta=self._is_beta)
        self._is_beta = self._is_beta or event["type"] in BETA_ALONE
        return event


def events_of(commands: Iterable[Command]) -> list[dict[str, Any]]:
    return [json.loads(command.message) for command in commands if isinstance(command, Send)]


def kinds(events: Iterable[Mapping[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def by_hand(**more: Any) -> Talk:
    talk = Talk(opening(**more))
    talk.update(turn_detection=None)
    return talk


def texts(events: list[dict[str, Any]]) -> dict[str, tuple[str, str | None]]:
    """Item → its deltas put together, and its transcript."""
    found: dict[str, tuple[str, str | None]] = {}
    for event in events:
        told, transcript = found.get(event.get("item_id", ""), ("", None))
        if event["type"] == f"{TRANSCRIPTION}.delta":
            found[event["item_id"]] = (told + event["delta"], transcript)
        if event["type"] == f"{TRANSCRIPTION}.completed":
            found[event["item_id"]] = (told, event["transcript"])
    return found
