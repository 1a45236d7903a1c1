"""Our own wire format by itself: requests to commands, events to messages, and rubbish to errors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from engine.options import DecodingOptions, StreamingOptions
from engine.segments import Segment
from stream.raw import AudioFormat
from ui.server.protocols.own import OwnProtocol
from ui.server.protocols.protocol import (
    Audio,
    Clear,
    Close,
    Command,
    Configure,
    End,
    Flush,
    Opening,
    Pause,
    Refusal,
    Resume,
    Send,
    Skip,
)

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "protocol.schema.json").read_text(encoding="utf-8"))
FROM_SERVER = jsonschema.Draft202012Validator({"$ref": "#/$defs/from_server", "$defs": SCHEMA["$defs"]})
FROM_CLIENT = jsonschema.Draft202012Validator({"$ref": "#/$defs/from_client", "$defs": SCHEMA["$defs"]})
WORD = WordTiming(" Hello", 0.5, 1.0, 0.9)
SEGMENT = Segment(
    start_s=0.5,
    end_s=1.0,
    text="Hello",
    tokens=(1, 2),
    temperature=0.0,
    avg_logprob=-0.1,
    compression_ratio=1.1,
    no_speech_prob=0.01,
)
EVENTS: list[Event] = [
    SpeechStarted(1, 0.2),
    Partial(1, "Hel", "lo", 0.2, 0.9),
    SpeechStopped(1, 1.2),
    Final(1, "Hello", 0.2, 1.2, "en", (WORD,), (SEGMENT,), 0.98),
    Discarded(2, "no words were heard", 2.0, 3.0),
    DecodeFailed(3, "out of memory", True, 3.0, 4.0),
    Flushed("x", 4.0),
    AudioDropped(4.0, 5.0),
    Status(5.0, float("-inf"), False, 0.0, 0.2),
]


def own(languages: tuple[str, ...] = ("en", "de"), **query: str) -> OwnProtocol:
    told = {name: [value] for name, value in query.items()}
    return OwnProtocol(Opening("/stream", told, {}, (), "tiny", languages, StreamingOptions(), "secret"))


def sent(commands: list[Command]) -> list[dict[str, Any]]:
    return [json.loads(command.message) for command in commands if isinstance(command, Send)]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_is_a_message_of_the_schema(event: Event) -> None:
    for message in own().receive_event(TimedEvent(1.0, event)):
        FROM_SERVER.validate(json.loads(message))


def test_everything_else_is_of_the_schema_too() -> None:
    protocol = own()
    said = sent(protocol.open()) + sent(protocol.receive_message('{"kind":"configure"}')) + sent(protocol.resume(1))
    said += sent(protocol.receive_message("?")) + sent(protocol.resume(99))
    said += sent(protocol.refuse(Refusal("busy", "all are taken", 3.0))) + sent(protocol.refuse(Refusal("idle", "?")))
    said += [json.loads(message) for message in protocol.finish()]

    for message in said:
        FROM_SERVER.validate(message)
    assert {"session", "configured", "error", "end"} == {message["kind"] for message in said}


@pytest.mark.parametrize(
    ("request_", "command"),
    [
        ({"kind": "flush", "tag": "x"}, Flush("x")),
        ({"kind": "flush"}, Flush("")),
        ({"kind": "clear"}, Clear()),
        ({"kind": "pause"}, Pause()),
        ({"kind": "resume"}, Resume()),
        ({"kind": "end"}, End()),
        ({"kind": "gap", "samples": 32_000}, Skip(2.0)),
    ],
)
def test_requests_are_commands(request_: dict[str, Any], command: Command) -> None:
    FROM_CLIENT.validate(request_)

    assert [command] == own().receive_message(json.dumps(request_))


def test_what_is_asked_for_is_configured_and_the_rest_stays() -> None:
    asked = {"language": "de", "words": True, "hotwords": ["Loch"], "hangover_ms": 900, "partials": False}
    FROM_CLIENT.validate({"kind": "configure", **asked})

    protocol = own()
    protocol.receive_message('{"kind":"configure","prompt":"Before."}')
    command = protocol.receive_message(json.dumps({"kind": "configure", **asked}))[0]

    assert isinstance(command, Configure)
    decoding = command.options.decoding
    assert ("de", True, ("Loch",), "Before.") == (decoding.language, decoding.words, decoding.hotwords, decoding.prompt)
    assert (900, False) == (command.options.gate.hangover_ms, command.options.partials)


def test_null_is_what_the_server_has_and_no_language_what_is_heard() -> None:
    usual = DecodingOptions(language="de", languages=("de", "en"), prompt="Before.", hotwords=("Loch",))
    defaults = replace(StreamingOptions(), decoding=usual)
    protocol = OwnProtocol(replace(own(language="en")._opening, defaults=defaults))
    protocol.open()
    other = {"language": "en", "languages": ["en"], "prompt": "", "hotwords": []}
    nothing = dict.fromkeys(other)
    FROM_CLIENT.validate({"kind": "configure", **nothing})

    asked = [other, nothing, {"language": ""}]
    commands = [protocol.receive_message(json.dumps({"kind": "configure", **fields}))[0] for fields in asked]

    decoding = [command.options.decoding for command in commands if isinstance(command, Configure)]
    assert [DecodingOptions(language="en", languages=("en",)), usual, replace(usual, language=None)] == decoding


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"language": "xx"}, "the model does not know the language 'xx'; it knows en, de"),
        ({"language": 7}, "language must be text"),
        ({"words": "yes"}, "words must be true or false, got 'yes'"),
        ({"hangover_ms": 10}, "pause_ms must be between 1 and hangover_ms, got 200"),
        ({"hangover_ms": 10.5}, "hangover_ms must be a whole number of milliseconds"),
        ({"hotwords": "Loch"}, "hotwords must be a list"),
        ({"hotwords": [None]}, "hotwords must be text"),
        ({"words": None}, "words must be true or false, got None"),
        ({"hotwords": [" "]}, "hotwords must not be empty"),
        ({"beams": 5}, "configure has no field 'beams'"),
        ({"prompt": "\ud800"}, "not valid Unicode"),
    ],
)
def test_what_makes_no_sense_is_named_and_changes_nothing(fields: dict[str, Any], said: str) -> None:
    protocol = own()
    before = protocol._options
    answers = protocol.receive_message(json.dumps({"kind": "configure", **fields}))

    assert ["bad_request"] == [message["code"] for message in sent(answers)]
    assert said in sent(answers)[0]["message"]
    assert (1, before) == (len(answers), protocol._options)


def test_english_alone_is_not_translated() -> None:
    answers = sent(own(("en",)).receive_message('{"kind":"configure","translate":true}'))

    assert "the model knows English alone, and cannot translate" == answers[0]["message"]


@pytest.mark.parametrize(
    ("query", "format"),
    [
        ({}, AudioFormat()),
        ({"rate": "48000", "channels": "2"}, AudioFormat("s16le", 48_000, 2)),
        ({"encoding": "mulaw", "rate": "8000"}, AudioFormat("mulaw", 8_000)),
    ],
)
def test_the_address_says_how_the_sound_is_written(query: dict[str, str], format: AudioFormat) -> None:
    protocol = own(**query)
    protocol.open()

    assert [Audio(b"12345678", format)] == protocol.receive_message(b"12345678")


@pytest.mark.parametrize(
    "query",
    [{"encoding": "opus"}, {"rate": "1"}, {"rate": "many"}, {"channels": "0"}, {"language": "xx"}, {"words": "1"}],
)
def test_a_wrong_address_is_told_and_closed(query: dict[str, str]) -> None:
    commands = own(**query).open()

    assert ["bad_request"] == [message["code"] for message in sent(commands)]
    assert Close(1008, "bad request") == commands[-1]


def test_only_what_is_still_kept_can_be_had_again() -> None:
    protocol = own()
    protocol.open()
    for _ in range(2_500):
        protocol.receive_event(TimedEvent(1.0, EVENTS[0]))

    assert list(range(501, 2_501)) == [message["seq"] for message in sent(protocol.resume(500))[1:]]
    assert ["gone"] == [message["code"] for message in sent(protocol.resume(499))]
    assert ["gone"] == [message["code"] for message in sent(protocol.resume(2_501))]
    assert [2_500] == [message["seq"] for message in sent(protocol.resume(2_500))]


def test_half_a_sample_is_lost_with_its_connection() -> None:
    protocol = own(channels="2")
    protocol.open()
    protocol.receive_message(b"1234567")

    assert 1 == sent(protocol.resume(0))[0]["received"]
    protocol.receive_message(b"1234")
    status = json.loads(protocol.receive_event(TimedEvent(1.0, EVENTS[-1]))[0])
    assert 2 == status["received"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.text(), some),
)
field_names = st.sampled_from([*SCHEMA["$defs"]["client_configure"]["properties"], "samples", "tag", "other"])
requests = st.builds(
    lambda kind, fields: json.dumps({**fields, "kind": kind}),
    st.sampled_from(["configure", "flush", "gap", "clear", "pause", "resume", "end", "?"]) | json_values,
    st.dictionaries(field_names, json_values),
)


@settings(max_examples=50)
@given(st.lists(st.text() | st.binary() | json_values.map(json.dumps) | requests, max_size=20))
def test_nothing_a_client_sends_breaks_it(messages: list[str | bytes]) -> None:
    protocol = own()
    protocol.open()
    for message in messages:
        for answer in sent(protocol.receive_message(message)):
            FROM_SERVER.validate(answer)
            assert len(json.dumps(answer)) < 1_000


@given(st.dictionaries(st.sampled_from(["encoding", "rate", "channels", "language", "words"]), st.text()))
def test_no_address_breaks_it(query: dict[str, str]) -> None:
    assert sent(own(**query).open())


def test_options_may_be_any_that_the_server_began_with() -> None:
    defaults = replace(StreamingOptions(), partials=False)
    opening = replace(own()._opening, defaults=defaults)
    command = OwnProtocol(opening).open()[0]

    assert Configure(defaults) == command
