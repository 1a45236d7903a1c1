"""Deepgram's live transcription (``/v1/listen``), as deepgram-sdk 7.17 speaks it.  No I/O, no clock.

Finals are results with ``is_final``; partials, if asked for, the interim ones.  The times and confidences of words are
known of finals alone: an interim result has no words, and confidence 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from engine.alignment import WordTiming
from engine.events import (
    AudioDropped,
    DecodeFailed,
    Discarded,
    Final,
    Flushed,
    Partial,
    SpeechStarted,
    SpeechStopped,
    Status,
    TimedEvent,
)
from ui.server.protocols.deepgram_audio import IncomingAudio
from ui.server.protocols.deepgram_configure import configured
from ui.server.protocols.deepgram_messages import (
    confidence_of,
    error_fields,
    metadata_fields,
    model_info,
    model_uuid,
    word_fields,
)
from ui.server.protocols.deepgram_query import read_query
from ui.server.protocols.protocol import (
    BadOpeningError,
    Close,
    Command,
    Configure,
    End,
    Flush,
    Opening,
    Refusal,
    RefusalKind,
    Send,
)
from ui.server.protocols.reading import close_reason, read_object, shown

_FINALIZE = "finalize"
_CHANNEL = [0, 1]
"""The first of one: more than one channel are mixed."""
_CLOSE_CODES: Mapping[RefusalKind, tuple[int, str]] = {
    "busy": (1013, ""),
    "too_large": (1009, "DATA-0000: "),
    "too_long": (1008, ""),
    "idle": (1011, "NET-0001: "),
    "too_slow": (1011, "NET-0000: "),
    "draining": (1012, ""),
    "unauthorized": (1008, ""),
    "internal": (1011, "NET-0000: "),
}
"""The codes that Deepgram documents where it documents one, else RFC 6455's."""


class Deepgram:
    """One connection."""

    def __init__(self, opening: Opening) -> None:
        """Read what is asked for in the query.

        Raises:
            BadOpeningError: it cannot be served.
        """
        try:
            self._listening = read_query(opening)
        except ValueError as error:
            raise bad_request(str(error), opening.stream_id) from None
        self._opening = opening
        self._options = self._listening.options
        self._audio = IncomingAudio(self._listening.format)
        self._open: dict[int, float] = {}
        self._n_flushes = 0
        self._held: dict[str, Any] | None = None
        self._last_word_end_s: float | None = None
        self._now_s = 0.0

    def open(self) -> list[Command]:
        """Return the options that the query asks for."""
        return [Configure(self._options)]

    def receive_message(self, message: str | bytes) -> list[Command]:
        """Return what a message asks for: audio where it is binary, a control message where it is text."""
        if isinstance(message, str):
            return self._receive_control(message)
        if not message:  # how clients said CloseStream before there was one
            return [End()]
        try:
            return [*self._audio.receive(message)]
        except ValueError as error:
            return [Send(_error("DATA-0000", str(error))), Close(1008, close_reason(f"DATA-0000: {error}"))]

    def receive_event(self, timed: TimedEvent) -> list[str | bytes]:
        """Return what the client is told about an event."""
        event = timed.event
        match event:
            case SpeechStarted():
                return self._speech_started(event)
            case Partial():
                return self._partial(event)
            case Final() | Discarded():
                return self._ended(event)
            case Flushed():
                return self._flushed(event)
            case Status():
                self._now_s = event.now_s
                return self._silence()
            case AudioDropped() | DecodeFailed() | SpeechStopped():
                return self._trouble(event)
            case _:
                assert_never(event)

    def refuse(self, refusal: Refusal) -> list[Command]:
        """Return an error message and a close with Deepgram's code."""
        code, prefix = _CLOSE_CODES[refusal.kind]
        return [Send(_error(refusal.kind, refusal.message)), Close(code, close_reason(prefix + refusal.message))]

    def last_text(self) -> list[str | bytes]:
        """Return the result that waited to be finalized."""
        held, self._held = self._held, None
        return [] if held is None else [json.dumps(held)]

    def finish(self) -> list[str | bytes]:
        """Return the summary that comes before the connection closes."""
        return [json.dumps(self._metadata())]

    def _receive_control(self, text: str) -> list[Command]:
        try:
            return self._control(read_object(text))
        except ValueError as error:
            return [Send(_error("SchemaError", str(error), message=shown(text)))]

    def _control(self, message: Mapping[str, Any]) -> list[Command]:
        match message.get("type"):
            case "KeepAlive":
                return []
            case "Finalize":
                self._n_flushes += 1
                return [Flush(_FINALIZE)]
            case "CloseStream":
                return [End()]
            case "Configure":
                return self._configure(message)
            case kind:
                raise ValueError(f"type must be KeepAlive, Finalize, CloseStream or Configure, got {shown(kind)}")

    def _configure(self, message: Mapping[str, Any]) -> list[Command]:
        self._options, answer = configured(self._options, message)
        answered = Send(json.dumps({**answer, "request_id": self._opening.stream_id}))
        return [answered] if answer["type"] == "ConfigureFailure" else [Configure(self._options), answered]

    def _speech_started(self, event: SpeechStarted) -> list[str | bytes]:
        self._open[event.utterance_id] = event.start_s
        if not self._listening.tells_starts:
            return []
        return [json.dumps({"type": "SpeechStarted", "channel": _CHANNEL, "timestamp": round(event.start_s, 3)})]

    def _partial(self, event: Partial) -> list[str | bytes]:
        if not self._listening.shows_interim:
            return []
        text = (event.stable + event.unstable).strip()
        return [json.dumps(self._results(event.start_s, event.end_s, text, is_final=False))]

    def _ended(self, event: Final | Discarded) -> list[str | bytes]:
        """An utterance is over; while audio is being finalized, its result waits: the last one says so."""
        self._open.pop(event.utterance_id, None)
        text, words = (event.text, event.words) if isinstance(event, Final) else ("", ())
        self._last_word_end_s = words[-1].end_s if words else self._last_word_end_s
        results = self._results(event.start_s, event.end_s, text, words)
        results["speech_final"] = self._listening.tells_ends and not self._goes_on(event)
        if not self._n_flushes:
            return [json.dumps(results), *self._silence()]
        held, self._held = self._held, results
        return [] if held is None else [json.dumps(held)]

    def _trouble(self, event: AudioDropped | DecodeFailed | SpeechStopped) -> list[str | bytes]:
        match event:
            case AudioDropped():
                return [_error("AudioDropped", f"audio was lost, {event.start_s:.3f} s to {event.end_s:.3f} s")]
            case DecodeFailed(is_lost=True):
                return [_error("DecodeFailed", event.reason)]
            case _:
                return []

    def _goes_on(self, event: Final | Discarded) -> bool:
        """Whether the utterance was cut because it grew too long, while somebody spoke."""
        gate = self._options.gate
        was_long = event.end_s - event.start_s >= gate.longest_s - gate.cut_within_s
        return was_long and event.end_s in self._open.values()

    def _flushed(self, event: Flushed) -> list[str | bytes]:
        if event.tag != _FINALIZE:
            return []
        self._n_flushes -= 1
        results = self._held or self._results(event.at_s, event.at_s)
        self._held = None
        results = {**results, "speech_final": self._listening.tells_ends, "from_finalize": True}
        return [json.dumps(results), *self._silence()]

    def _silence(self) -> list[str | bytes]:
        """How long it is since the last word, if that is to be told and nobody speaks."""
        last, wanted_s = self._last_word_end_s, self._listening.utterance_end_s
        if last is None or wanted_s is None or self._open or self._held or self._now_s - last < wanted_s:
            return []
        self._last_word_end_s = None
        return [json.dumps({"type": "UtteranceEnd", "channel": _CHANNEL, "last_word_end": round(last, 3)})]

    def _results(
        self, start_s: float, end_s: float, text: str = "", words: Sequence[WordTiming] = (), *, is_final: bool = True
    ) -> dict[str, Any]:
        alternative = {"transcript": text, "confidence": confidence_of(words), "words": [*map(word_fields, words)]}
        return {
            "type": "Results",
            "channel_index": _CHANNEL,
            "start": round(start_s, 3),
            "duration": round(end_s - start_s, 3),
            "is_final": is_final,
            "speech_final": False,
            "channel": {"alternatives": [alternative]},
            "metadata": self._identity(),
            "from_finalize": False,
        }

    def _identity(self) -> dict[str, Any]:
        name = self._opening.model_name
        return {
            "request_id": self._opening.stream_id,
            "model_info": model_info(name),
            "model_uuid": model_uuid(name),
        }

    def _metadata(self) -> dict[str, Any]:
        return {"type": "Metadata"} | metadata_fields(
            self._opening.model_name,
            request_id=self._opening.stream_id,
            sha256=self._audio.sha256,
            created=self._opening.opened_at,
            duration_s=self._audio.duration_s,
            channels=self._audio.channels,
        )


def bad_request(message: str, request_id: str) -> BadOpeningError:
    """Return the answer to a query that cannot be served: HTTP 400, and the reason where Deepgram has it."""
    body = error_fields("Bad Request", message, request_id)
    return BadOpeningError(json.dumps(body), headers={"dg-request-id": request_id, "dg-error": message})


def _error(variant: str, description: str, **more: str) -> str:
    return json.dumps({"type": "Error", "variant": variant, "description": description, **more})
