"""Events as JSON lines, for programs and for measuring: docs/events.md."""

from __future__ import annotations

import json
import math
from typing import Any, TextIO, assert_never

from engine.events import AudioDropped, Discarded, Event, Final, Partial, SpeechStarted, Status, TimedEvent


class EventLineWriter:
    """Writes each event as a line of JSON the moment it happens."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, timed: TimedEvent) -> None:
        """Write one event.

        Raises:
            OSError: the disk is full, or the reader has gone.
        """
        self._out.write(json.dumps(event_fields(timed), ensure_ascii=False) + "\n")
        self._out.flush()


def event_fields(timed: TimedEvent) -> dict[str, Any]:
    """Return the fields of one line; times in seconds, rounded to a millisecond."""
    return {"t": round(timed.t_s, 3), **_fields(timed.event)}


def _fields(event: Event) -> dict[str, Any]:
    match event:
        case SpeechStarted():
            return {"kind": "speech_started", "utterance": event.utterance_id, "start": round(event.start_s, 3)}
        case Partial():
            text = event.stable + event.unstable
            return {"kind": "partial", "utterance": event.utterance_id, "text": text, "stable": event.stable} | _span(
                event
            )
        case Final():
            fields = {"kind": "final", "utterance": event.utterance_id, "text": event.text, "language": event.language}
            return fields | _span(event) | _words(event)
        case Discarded():
            return {"kind": "discarded", "utterance": event.utterance_id, "reason": event.reason} | _span(event)
        case AudioDropped():
            return {"kind": "dropped"} | _span(event)
        case Status():
            return {
                "kind": "status",
                "now": round(event.now_s, 3),
                "level_dbfs": round(event.level_dbfs, 1) if math.isfinite(event.level_dbfs) else None,
                "is_speech": event.is_speech,
                "lag": round(event.lag_s, 3),
                "real_time_factor": round(event.real_time_factor, 3),
            }
        case _:
            assert_never(event)


def _words(event: Final) -> dict[str, list[dict[str, Any]]]:
    if not event.words:
        return {}
    return {
        "words": [
            {
                "word": word.text,
                "start": round(word.start_s, 3),
                "end": round(word.end_s, 3),
                "probability": round(word.probability, 3),
            }
            for word in event.words
        ]
    }


def _span(event: Partial | Final | Discarded | AudioDropped) -> dict[str, float]:
    return {"start": round(event.start_s, 3), "end": round(event.end_s, 3)}
