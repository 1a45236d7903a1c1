"""Events as JSON lines, for programs and for measuring: docs/events.md."""

from __future__ import annotations

import json
import math
from typing import Any, TextIO, assert_never

from engine.alignment import WordTiming
from engine.events import (
    AudioDropped,
    DecodeFailed,
    Discarded,
    Event,
    Final,
    Flushed,
    Partial,
    SpeechStarted,
    SpeechStopped,
    Status,
    TimedEvent,
)
from engine.segments import Segment


class EventLineWriter:
    """Writes each event as a line of JSON the moment it happens.

    Attributes:
        recording: which one is heard, in a run of several; empty where there is one.
    """

    def __init__(self, out: TextIO, recording: str = "") -> None:
        self._out = out
        self.recording = recording

    def show(self, timed: TimedEvent) -> None:
        """Write one event.

        Raises:
            OSError: the disk is full, or the reader has gone.
        """
        which = {"recording": self.recording} if self.recording else {}
        self._out.write(json.dumps(which | event_fields(timed), ensure_ascii=False) + "\n")
        self._out.flush()

    def close(self) -> None:
        """Close what it writes to.

        Raises:
            OSError: the disk is full, or the reader has gone.
        """
        self._out.close()


def event_fields(timed: TimedEvent) -> dict[str, Any]:
    """Return the fields of one line; times in seconds, rounded to a millisecond."""
    return {"t": round(timed.t_s, 3), **_fields(timed.event)}


def _fields(event: Event) -> dict[str, Any]:  # noqa: PLR0911  # one a kind
    match event:
        case SpeechStarted():
            return {"kind": "speech_started", "utterance": event.utterance_id, "start": round(event.start_s, 3)}
        case SpeechStopped():
            return {"kind": "speech_stopped", "utterance": event.utterance_id, "end": round(event.end_s, 3)}
        case Partial():
            text = event.stable + event.unstable
            return {"kind": "partial", "utterance": event.utterance_id, "text": text, "stable": event.stable} | _span(
                event
            )
        case Final():
            fields = {"kind": "final", "utterance": event.utterance_id, "text": event.text, "language": event.language}
            return fields | _language_probability(event) | _span(event) | _segments(event) | _words(event)
        case Discarded():
            return {"kind": "discarded", "utterance": event.utterance_id, "reason": event.reason} | _span(event)
        case DecodeFailed():
            fields = {"kind": "failed", "utterance": event.utterance_id, "reason": event.reason}
            return fields | {"is_lost": event.is_lost} | _span(event)
        case Flushed():
            return {"kind": "flushed", "tag": event.tag, "at": round(event.at_s, 3)}
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


def _language_probability(event: Final) -> dict[str, float]:
    return {} if event.language_prob is None else {"language_probability": round(event.language_prob, 3)}


def _segments(event: Final) -> dict[str, list[dict[str, Any]]]:
    return {"segments": [segment_fields(segment) for segment in event.segments]}


def _words(event: Final) -> dict[str, list[dict[str, Any]]]:
    return {"words": [word_fields(word) for word in event.words]} if event.words else {}


def segment_fields(segment: Segment) -> dict[str, Any]:
    """Return the fields of a segment, named as in OpenAI's verbose_json; times in seconds of audio."""
    return {
        "start": round(segment.start_s, 3),
        "end": round(segment.end_s, 3),
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": segment.temperature,
        "avg_logprob": round(segment.avg_logprob, 4),
        "compression_ratio": round(segment.compression_ratio, 4),
        "no_speech_prob": round(segment.no_speech_prob, 6),
    }


def word_fields(word: WordTiming) -> dict[str, Any]:
    """Return the fields of a word; times in seconds of audio."""
    return {
        "word": word.text,
        "start": round(word.start_s, 3),
        "end": round(word.end_s, 3),
        "probability": round(word.probability, 3),
    }


def _span(event: Partial | Final | Discarded | DecodeFailed | AudioDropped) -> dict[str, float]:
    return {"start": round(event.start_s, 3), "end": round(event.end_s, 3)}
