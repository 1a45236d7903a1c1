"""WhisperLive's protocol, as its client 0.10.0 speaks it.  No I/O, no clock.

The client speaks first: JSON with its uid, which every answer repeats.  Then binary audio, until ``END_OF_AUDIO``.
Each answer holds the last completed segments and the open one: a final is a completed segment, a partial the open one.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
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
from ui.server.protocols.protocol import Audio, Close, Command, Configure, End, Opening, Refusal, RefusalKind, Send
from ui.server.protocols.reading import close_reason, read_object
from ui.server.protocols.whisper_live_options import Wanted, read_uid, read_wanted

_END = "END_OF_AUDIO"
_SURE = 0.5
"""A language that is less probable is not told: whisper_live/backend/faster_whisper_backend.py."""
_CLOSE_CODES: Mapping[RefusalKind, int] = {
    "busy": 1000,
    "too_large": 1009,
    "too_long": 1000,
    "idle": 1000,
    "too_slow": 1008,
    "draining": 1012,
    "unauthorized": 1008,
    "internal": 1011,
}


class WhisperLive:
    """One connection."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._uid: str | None = None
        self._wanted: Wanted | None = None
        self._refusal: Refusal | None = None
        self._completed: deque[dict[str, Any]] = deque()
        self._open: dict[str, Any] | None = None
        self._open_id = 0
        self._shown = ""
        self._language = ""

    def open(self) -> list[Command]:
        """Return nothing: the client speaks first."""
        return []

    def receive_message(self, message: str | bytes) -> list[Command]:
        """Return what a message asks for: the first is read as the options, the others as audio."""
        if self._wanted is None:
            return self._receive_options(message)
        if message == (_END if isinstance(message, str) else _END.encode()):
            return [End()]
        if isinstance(message, str):
            return self._fail(f"binary audio is expected, or {_END}")
        return [Audio(message, self._wanted.format)]

    def receive_event(self, timed: TimedEvent) -> list[str | bytes]:
        """Return what the client is told about an event."""
        event = timed.event
        match event:
            case Partial():
                self._open_id = event.utterance_id
                self._open = self._segment(event.stable + event.unstable, event.start_s, event.end_s)
                return [self._segments(self._open)]
            case Final():
                return self._final(event)
            case Discarded():
                return self._discarded(event)
            case AudioDropped():
                return [self._status("WARNING", f"audio was lost, {event.start_s:.3f} s to {event.end_s:.3f} s")]
            case DecodeFailed():
                return [self._status("WARNING", event.reason)] if event.is_lost else []
            case SpeechStarted() | SpeechStopped() | Flushed() | Status():
                return []
            case _:
                assert_never(event)

    def refuse(self, refusal: Refusal) -> list[Command]:
        """Return what the client is told; before its first message nothing: it would not know that it is meant."""
        self._refusal = refusal
        return [] if self._uid is None else self._refuse(refusal)

    def last_text(self) -> list[str | bytes]:
        """Return nothing: no text is held back."""
        return []

    def finish(self) -> list[str | bytes]:
        """Return nothing: the last final was the last word."""
        return []

    def _receive_options(self, message: str | bytes) -> list[Command]:
        try:
            options = read_object(message)
            self._uid = read_uid(options)
            if self._refusal is not None:
                return self._refuse(self._refusal)
            self._wanted = read_wanted(options, self._opening)
        except ValueError as error:
            return self._fail(str(error))
        self._completed = deque(maxlen=self._wanted.n_segments)
        warnings = [Send(self._status("WARNING", text)) for text in self._wanted.warnings]
        ready = Send(self._message(message="SERVER_READY", backend="faster_whisper"))
        return [Configure(self._wanted.options), *warnings, ready]

    def _refuse(self, refusal: Refusal) -> list[Command]:
        code = _CLOSE_CODES[refusal.kind]
        match refusal.kind:
            case "busy":
                told = self._message(status="WAIT", message=(refusal.retry_after_s or 60) / 60)
            case "too_long":
                told = self._message(message="DISCONNECT")
            case _:
                told = self._status("ERROR", refusal.message)
        return [Send(told), Close(code, close_reason(refusal.message))]

    def _fail(self, message: str) -> list[Command]:
        return [Send(self._status("ERROR", message)), Close(1008, close_reason(message))]

    def _final(self, event: Final) -> list[str | bytes]:
        segment = self._segment(event.text, event.start_s, event.end_s)
        messages = [*self._heard_language(event), *self._last_look(segment)]
        if self._wanted is not None and self._wanted.options.decoding.words:
            segment["words"] = [_word(word) for word in event.words]
        self._completed.append({**segment, "completed": True})
        if self._open_id <= event.utterance_id:
            self._open = None
        return messages if self._completed.maxlen == 0 else [*messages, self._segments(self._open)]

    def _last_look(self, segment: dict[str, Any]) -> list[str | bytes]:
        """Show the final as the open segment first: at its end, the client takes for new what it last saw open."""
        return [] if segment["text"] == self._shown else [self._segments(segment)]

    def _heard_language(self, event: Final) -> list[str | bytes]:
        if event.language_prob is None or event.language_prob <= _SURE or event.language == self._language:
            return []
        self._language = event.language
        return [self._message(language=event.language, language_prob=round(event.language_prob, 4))]

    def _discarded(self, event: Discarded) -> list[str | bytes]:
        """Take back what was shown: the client keeps the last open segment until another one comes."""
        if self._open is None or self._open_id != event.utterance_id:
            return []
        taken_back, self._open = {**self._open, "text": ""}, None
        return [self._segments(taken_back)]

    def _segments(self, open_one: dict[str, Any] | None) -> str:
        """The last completed ones, and the one that is open, if there is one."""
        if open_one is None:
            return self._message(segments=[*self._completed])
        self._shown = open_one["text"]
        return self._message(segments=[*self._completed, open_one])

    def _segment(self, text: str, start_s: float, end_s: float) -> dict[str, Any]:
        # The client joins texts without a space between them, and leaves out one that equals the one before, stripped.
        return {
            "start": f"{start_s:.3f}",
            "end": f"{end_s:.3f}",
            "text": f" {text.strip()}",
            "completed": False,
        }

    def _status(self, status: str, message: str) -> str:
        return self._message(status=status, message=message)

    def _message(self, **fields: object) -> str:
        return json.dumps({"uid": self._uid, **fields})


def _word(word: WordTiming) -> dict[str, Any]:
    return {
        "word": word.text,
        "start": f"{word.start_s:.3f}",
        "end": f"{word.end_s:.3f}",
        "probability": round(word.probability, 4),
    }
