"""Events as JSON lines; docs/events.md is their description."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

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
from ui.formats.event_lines import EventLineWriter, event_fields

SEGMENT = Segment(
    start_s=0.0,
    end_s=1.00049,
    text="ja",
    tokens=(5, 6),
    temperature=0.2,
    avg_logprob=-0.12346,
    compression_ratio=1.23456,
    no_speech_prob=0.0001234,
)
CASES: list[tuple[Event, dict[str, Any]]] = [
    (SpeechStopped(1, 1.25), {"kind": "speech_stopped", "utterance": 1, "end": 1.25}),
    (
        DecodeFailed(1, "out of memory", True, 0.25, 1.0),
        {
            "kind": "failed",
            "utterance": 1,
            "reason": "out of memory",
            "is_lost": True,
            "start": 0.25,
            "end": 1.0,
        },
    ),
    (Flushed("x", 1.23456), {"kind": "flushed", "tag": "x", "at": 1.235}),
    (SpeechStarted(1, 0.25), {"kind": "speech_started", "utterance": 1, "start": 0.25}),
    (SpeechStopped(1, 2.5), {"kind": "speech_stopped", "utterance": 1, "end": 2.5}),
    (Flushed("last", 2.5), {"kind": "flushed", "tag": "last", "at": 2.5}),
    (
        DecodeFailed(1, "out of memory", False, 0.25, 2.5),
        {
            "kind": "failed",
            "utterance": 1,
            "reason": "out of memory",
            "is_lost": False,
            "start": 0.25,
            "end": 2.5,
        },
    ),
    (
        Partial(1, "so", " far", 0.25, 1.0),
        {"kind": "partial", "utterance": 1, "text": "so far", "stable": "so", "start": 0.25, "end": 1.0},
    ),
    (
        Final(2, "So „far“.", 0.0, 1.23456),
        {
            "kind": "final",
            "utterance": 2,
            "text": "So „far“.",
            "language": "en",
            "start": 0.0,
            "end": 1.235,
            "segments": [],
        },
    ),
    (
        Final(2, "ja", 0.0, 1.0, "de", (WordTiming(" ja", 0.12345, 0.5, 0.87654),), (SEGMENT,), 0.98765),
        {
            "kind": "final",
            "utterance": 2,
            "text": "ja",
            "language": "de",
            "language_probability": 0.988,
            "start": 0.0,
            "end": 1.0,
            "segments": [
                {
                    "start": 0.0,
                    "end": 1.0,
                    "text": "ja",
                    "tokens": [5, 6],
                    "temperature": 0.2,
                    "avg_logprob": -0.1235,
                    "compression_ratio": 1.2346,
                    "no_speech_prob": 0.000123,
                }
            ],
            "words": [{"word": " ja", "start": 0.123, "end": 0.5, "probability": 0.877}],
        },
    ),
    (
        Discarded(3, "no words were heard", 0.0, 1.0),
        {"kind": "discarded", "utterance": 3, "reason": "no words were heard", "start": 0.0, "end": 1.0},
    ),
    (AudioDropped(1.0, 2.5), {"kind": "dropped", "start": 1.0, "end": 2.5}),
    (
        Status(9.8765, -23.456, True, 0.4, 0.1234),
        {
            "kind": "status",
            "now": 9.877,
            "level_dbfs": -23.5,
            "is_speech": True,
            "lag": 0.4,
            "real_time_factor": 0.123,
        },
    ),
]


@pytest.mark.parametrize(("event", "fields"), CASES, ids=[fields["kind"] for _, fields in CASES])
def test_a_line_holds_the_fields_of_its_event(event: Event, fields: dict[str, Any]) -> None:
    out = io.StringIO()
    EventLineWriter(out).show(TimedEvent(12.34567, event))
    assert json.loads(out.getvalue()) == {"t": 12.346, **fields}
    assert out.getvalue().endswith("}\n")


def test_digital_silence_has_no_level() -> None:
    silence = Status(1.0, float("-inf"), False, 0.0, 0.0)
    assert event_fields(TimedEvent(0.0, silence))["level_dbfs"] is None


def test_a_partial_begins_with_what_is_stable() -> None:
    fields = event_fields(TimedEvent(0.0, Partial(1, "so", " far", 0.0, 1.0)))
    assert fields["text"].startswith(fields["stable"])


def test_each_line_is_flushed() -> None:
    class Pipe(io.StringIO):
        n_flushed = 0

        def flush(self) -> None:
            self.n_flushed += 1

    out = Pipe()
    writer = EventLineWriter(out)
    for event, _ in CASES:
        writer.show(TimedEvent(0.0, event))
    assert out.n_flushed == len(CASES)


def test_of_several_recordings_each_line_names_its_own() -> None:
    out = io.StringIO()
    writer = EventLineWriter(out)
    for writer.recording in ("", "a/talk.mp3", "b.wav"):
        writer.show(TimedEvent(0.0, AudioDropped(1.0, 2.0)))

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [None, "a/talk.mp3", "b.wav"] == [line.pop("recording", None) for line in lines]
    assert lines[0] == lines[1] == lines[2]


def test_every_field_is_described() -> None:
    described = set(
        re.findall(r"^\| `(\w+)`", (Path(__file__).parents[1] / "docs/events.md").read_text(), re.MULTILINE)
    )
    kinds = {fields["kind"] for _, fields in CASES}
    assert described == kinds | {"t", "recording"}.union(*(fields.keys() for _, fields in CASES))
