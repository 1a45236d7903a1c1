"""The two forms in which an OpenAI realtime session is written: GA, and the older beta.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from stream.raw import AudioFormat, SampleEncoding
from ui.server.protocols.openai_fields import (
    Fields,
    Read,
    RequestError,
    flag,
    keywords,
    language_of,
    model_of,
    number,
    one_of,
    prompt,
    several,
    whole,
)
from ui.server.protocols.openai_session import (
    DELAYS_S,
    LOGPROBS,
    WITHOUT_TURN_DETECTION,
    Session,
    Transcription,
    TurnDetection,
)

_ENCODINGS: dict[str, SampleEncoding] = {"audio/pcm": "s16le", "audio/pcmu": "mulaw", "audio/pcma": "alaw"}
_BETA_FORMATS = {
    "pcm16": AudioFormat(rate=24_000),
    "g711_ulaw": AudioFormat("mulaw", 8_000),
    "g711_alaw": AudioFormat("alaw", 8_000),
}
_EAGERNESS = ("low", "medium", "high", "auto")
_CONVERSATION = (
    "modalities", "instructions", "voice", "output_audio_format", "tools", "tool_choice", "temperature", "speed",
    "max_response_output_tokens", "tracing", "model", "client_secret", "id", "object", "expires_at",
)  # fmt: skip
"""What older clients send along, and nothing here depends on."""


@dataclass(frozen=True, slots=True)
class Served:
    """What there is to choose from.

    Attributes:
        model_name: of the one model.
        languages: codes of those it knows.
    """

    model_name: str
    languages: Sequence[str]


class Form(Protocol):
    """How a session is written."""

    @property
    def item_events(self) -> Sequence[str]:
        """The events that tell of a new item."""

    @property
    def tells_languages(self) -> bool:
        """Whether a transcript says which languages were heard."""

    def updated(self, session: Session, value: object, served: Served) -> Session:
        """Return ``session`` with what ``value``, the "session" of an update, sets.

        Raises:
            RequestError: it makes no sense.
        """

    def fields(self, session: Session, session_id: str) -> dict[str, Any]:
        """Return all that is set, as it is told to the client."""


class GaForm:
    """Everything under ``audio.input``."""

    item_events = ("conversation.item.added", "conversation.item.done")
    tells_languages = True

    def updated(self, session: Session, value: object, served: Served) -> Session:
        """See ``Form``."""
        fields = Fields(value, "session")
        fields.take("type", _session_type, "transcription", "transcription")
        fields.ignore("id", "object", "expires_at")
        has_logprobs = fields.take("include", _include, session.has_logprobs, cleared=False)
        audio = fields.inner("audio")
        given = audio.inner("input")
        default = Session(transcription=None).audio
        changed = replace(
            session,
            has_logprobs=has_logprobs,
            audio=given.take("format", _format, session.audio, default),
            transcription=given.take(
                "transcription", _transcription(session, served), session.transcription, cleared=None
            ),
        )
        changed = _with_turn_detection(changed, given)
        _ignore_noise_reduction(given, "noise_reduction")
        for each in (given, audio, fields):
            each.finish()
        return changed

    def fields(self, session: Session, session_id: str) -> dict[str, Any]:
        """See ``Form``."""
        encoding = next(kind for kind, name in _ENCODINGS.items() if name == session.audio.encoding)
        rate = {"rate": session.audio.rate} if encoding == "audio/pcm" else {}
        return {
            "type": "transcription",
            "id": session_id,
            "object": "realtime.transcription_session",
            "expires_at": 0,
            "audio": {
                "input": {
                    "format": {"type": encoding} | rate,
                    "noise_reduction": None,
                    "transcription": _transcription_fields(session.transcription),
                    "turn_detection": _turn_detection_fields(session.turn_detection),
                }
            },
            "include": [LOGPROBS] if session.has_logprobs else None,
        }


class BetaForm:
    """Everything flat."""

    item_events = ("conversation.item.created",)
    tells_languages = False

    def updated(self, session: Session, value: object, served: Served) -> Session:
        """See ``Form``."""
        fields = Fields(value, "session")
        fields.ignore(*_CONVERSATION)
        audio = fields.take("input_audio_format", one_of(*_BETA_FORMATS), None, "pcm16")
        changed = replace(
            session,
            has_logprobs=fields.take("include", _include, session.has_logprobs, cleared=False),
            audio=session.audio if audio is None else _BETA_FORMATS[audio],
            transcription=fields.take(
                "input_audio_transcription", _transcription(session, served), session.transcription, cleared=None
            ),
        )
        changed = _with_turn_detection(changed, fields)
        _ignore_noise_reduction(fields, "input_audio_noise_reduction")
        fields.finish()
        return changed

    def fields(self, session: Session, session_id: str) -> dict[str, Any]:
        """See ``Form``."""
        return {
            "id": session_id,
            "object": "realtime.transcription_session",
            "expires_at": 0,
            "modalities": ["text"],
            "input_audio_format": next(
                name for name, audio in _BETA_FORMATS.items() if audio.encoding == session.audio.encoding
            ),
            "input_audio_transcription": _transcription_fields(session.transcription),
            "turn_detection": _turn_detection_fields(session.turn_detection),
            "input_audio_noise_reduction": None,
            "include": [LOGPROBS] if session.has_logprobs else None,
            "client_secret": None,
        }


def _session_type(value: object, path: str) -> str:
    if value == "realtime":
        message = "Passing a realtime session update event to a transcription session is not allowed."
        raise RequestError(message, path)
    return one_of("transcription")(value, path)


def _include(value: object, path: str) -> bool:
    return bool(several(one_of(LOGPROBS))(value, path))


def _format(value: object, path: str) -> AudioFormat:
    fields = Fields(value, path)
    encoding = _ENCODINGS[fields.take("type", one_of(*_ENCODINGS), "audio/pcm", "audio/pcm")]
    usual = 24_000 if encoding == "s16le" else 8_000
    rate = fields.take("rate", whole(8_000, 48_000) if encoding == "s16le" else whole(usual, usual), usual, usual)
    fields.finish()
    return AudioFormat(encoding, rate)


def _transcription(session: Session, served: Served) -> Read[Transcription | None]:
    """Read a transcription that changes the one of ``session``."""

    def read(value: object, path: str) -> Transcription:
        now = session.transcription or Transcription(model=served.model_name)
        fields, language = Fields(value, path), language_of(served.languages)
        asked = Transcription(
            model=fields.take("model", model_of(served.model_name), now.model, served.model_name),
            language=fields.take("language", language, now.language, None) or None,
            languages=fields.take("languages", several(language), now.languages, ()),
            prompt=fields.take("prompt", prompt, now.prompt, ""),
            keywords=fields.take("keywords", keywords, now.keywords, ()),
            delay=fields.take("delay", one_of(*DELAYS_S), now.delay, None),
        )
        fields.finish()
        if asked.language and asked.languages:
            raise RequestError("Give either 'language' or 'languages', not both.", f"{path}.languages")
        return asked

    return read


def _with_turn_detection(session: Session, given: Fields) -> Session:
    """Return ``session`` with the turn detection that is ``given``."""
    asked = session.transcription
    has_none = asked is not None and asked.model in WITHOUT_TURN_DETECTION
    usual = None if has_none else session.turn_detection
    turn = given.take("turn_detection", turn_detection_of(session.turn_detection), usual, None)
    if has_none and turn is not None:
        message = "Turn detection is not supported for this transcription model."
        raise RequestError(message, given.path_of("turn_detection"))
    return replace(session, turn_detection=turn)


def turn_detection_of(before: TurnDetection | None) -> Read[TurnDetection | None]:
    """Read a turn detection that changes the one ``before``, where it is of the same kind."""

    def read(value: object, path: str) -> TurnDetection:
        now, fields = before or TurnDetection(), Fields(value, path)
        kind = fields.take("type", one_of("server_vad", "semantic_vad"), now.kind, now.kind)
        if kind != now.kind:
            now = TurnDetection(kind=kind)
        for name in ("create_response", "interrupt_response"):
            fields.take(name, flag, None, None)
        fields.ignore("idle_timeout_ms")
        if kind == "semantic_vad":
            turn = replace(now, eagerness=fields.take("eagerness", one_of(*_EAGERNESS), now.eagerness, "auto"))
        else:
            turn = replace(
                now,
                threshold=fields.take("threshold", number(0, 1), now.threshold, 0.5),
                prefix_padding_ms=fields.take("prefix_padding_ms", whole(0, 5_000), now.prefix_padding_ms, 300),
                silence_duration_ms=fields.take("silence_duration_ms", whole(1, 10_000), now.silence_duration_ms, 500),
            )
        fields.finish()
        return turn

    return read


def _ignore_noise_reduction(given: Fields, name: str) -> None:
    """See that it is well-formed: there is none here, and the session says so."""
    fields = given.inner(name)
    fields.take("type", one_of("near_field", "far_field"), "", "")
    fields.take("strength", number(0, 1), 0.0, 0.0)
    fields.finish()


def _transcription_fields(transcription: Transcription | None) -> dict[str, Any] | None:
    if transcription is None:
        return None
    fields = {
        "model": transcription.model,
        "language": transcription.language,
        "prompt": transcription.prompt,
        "languages": list(transcription.languages),
        "keywords": list(transcription.keywords),
        "delay": transcription.delay,
    }
    return {name: value for name, value in fields.items() if value or name in {"model", "language", "prompt"}}


def _turn_detection_fields(turn: TurnDetection | None) -> dict[str, Any] | None:
    if turn is None:
        return None
    if turn.kind == "semantic_vad":
        return {"type": turn.kind, "eagerness": turn.eagerness}
    return {
        "type": turn.kind,
        "threshold": turn.threshold,
        "prefix_padding_ms": turn.prefix_padding_ms,
        "silence_duration_ms": turn.silence_duration_ms,
    }
