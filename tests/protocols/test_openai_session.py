"""What an OpenAI session can be set to, and how it is refused what makes no sense."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai_client import Talk, events_of, opening

from engine.options import DecodingOptions, StreamingOptions
from stream.gate import GateOptions
from ui.server.limits import Limits
from ui.server.protocols.protocol import Configure


def options_after(talk: Talk, **settings: Any) -> StreamingOptions:
    [configure] = [command for command in talk.update(**settings) if isinstance(command, Configure)]
    return configure.options


def error_after(talk: Talk, **settings: Any) -> dict[str, Any]:
    [event] = events_of(talk.update(**settings))
    assert event["type"] == "error", event
    assert event["error"]["type"] == "invalid_request_error"
    return event["error"]


def settings_of(talk: Talk) -> dict[str, Any]:
    [updated] = talk.ask("session.update", session={"type": "transcription"})
    return updated["session"]["audio"]["input"]


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (None, GateOptions(is_manual=True)),
        ({"type": "server_vad"}, GateOptions(hangover_ms=500)),
        (
            {"type": "server_vad", "threshold": 1.0, "prefix_padding_ms": 0, "silence_duration_ms": 100},
            GateOptions(threshold_dbfs=-35.0, pre_roll_ms=0, hangover_ms=100, pause_ms=100, tail_ms=100),
        ),
        ({"type": "semantic_vad", "eagerness": "low"}, GateOptions(hangover_ms=2000)),
        ({"type": "semantic_vad"}, GateOptions(hangover_ms=1000)),
    ],
)
def test_turn_detection_becomes_endpointing(turn: object, expected: GateOptions) -> None:
    assert expected == options_after(Talk(opening()), turn_detection=turn).gate


def test_transcription_becomes_decoding() -> None:
    asked = {"model": "gpt-transcribe", "languages": ["en", "de"], "prompt": "A talk.", "keywords": [" Loch Crianan"]}
    options = options_after(Talk(opening()), transcription=asked | {"delay": "high"})

    wanted = DecodingOptions(languages=("en", "de"), prompt="A talk.", hotwords=("Loch Crianan",))
    assert wanted == options.decoding
    assert 0.8 == options.step_s


def test_what_the_server_was_started_with_stays_unless_the_client_says_otherwise() -> None:
    defaults = StreamingOptions(step_s=0.4, decoding=DecodingOptions(language="de", prompt="Rede.", beam_size=3))
    talk = Talk(opening(defaults=defaults))

    assert replace(defaults.decoding, language="en") == options_after(talk, transcription={"language": "en"}).decoding
    assert defaults.decoding == options_after(talk, transcription={"language": None}).decoding
    assert 0.4 == options_after(talk, transcription={"delay": "minimal"}).step_s


def test_an_update_changes_what_it_names_and_null_clears() -> None:
    talk = Talk(opening())
    talk.update(turn_detection={"type": "server_vad", "threshold": 0.9, "silence_duration_ms": 700})
    talk.update(transcription={"model": "whisper-1", "language": "en", "prompt": "Names."})
    talk.update(turn_detection={"type": "server_vad", "silence_duration_ms": 800}, transcription={"language": None})

    found = settings_of(talk)
    assert found["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.9,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 800,
    }
    assert found["transcription"] == {"model": "whisper-1", "language": None, "prompt": "Names."}
    talk.update(turn_detection=None)
    assert settings_of(talk)["turn_detection"] is None


def test_a_model_without_turn_detection_is_committed_by_hand() -> None:
    talk = Talk(opening())

    assert options_after(talk, transcription={"model": "gpt-realtime-whisper"}).gate.is_manual
    error = error_after(talk, turn_detection={"type": "server_vad"})
    assert "Turn detection is not supported for this transcription model." == error["message"]


def test_there_is_no_noise_reduction_and_the_session_says_so() -> None:
    talk = Talk(opening())
    talk.update(noise_reduction={"type": "far_field"})

    assert settings_of(talk)["noise_reduction"] is None


@pytest.mark.parametrize(
    ("settings", "code", "param", "message"),
    [
        ({"format": {"type": "audio/opus"}}, "invalid_value", "format.type", "Supported values are: 'audio/pcm', "),
        ({"format": {"rate": 4000}}, "invalid_value", "format.rate", "between 8000 and 48000, got 4000"),
        ({"format": {"type": "audio/pcmu", "rate": 16000}}, "invalid_value", "format.rate", "got 16000"),
        ({"turn_detection": {"threshold": 2}}, "invalid_value", "turn_detection.threshold", "between 0 and 1, got 2"),
        (
            {"turn_detection": {"threshold": 10**400}},
            "invalid_value",
            "turn_detection.threshold",
            "between 0 and 1, got 1",
        ),
        ({"turn_detection": {"threshold": "loud"}}, "invalid_type", "turn_detection.threshold", "a string instead"),
        ({"turn_detection": {"threshold": float("nan")}}, "invalid_value", "turn_detection.threshold", "got nan"),
        (
            {"turn_detection": {"silence_duration_ms": True}},
            "invalid_type",
            "turn_detection.silence_duration_ms",
            "expected an integer, but got a boolean",
        ),
        ({"turn_detection": {"type": "psychic_vad"}}, "invalid_value", "turn_detection.type", "'psychic_vad'"),
        ({"turn_detection": []}, "invalid_type", "turn_detection", "expected an object, but got an array"),
        ({"transcription": {"language": "xx"}}, "invalid_language", "transcription.language", "It knows: en, de, ja."),
        ({"transcription": {"model": "large-v3"}}, "model_not_found", "transcription.model", "has one: 'tiny.en'"),
        ({"transcription": {"model": "gpt-4o-transcribe-diarize"}}, "invalid_value", "transcription.model", "speakers"),
        ({"transcription": {"keywords": ["a<b"]}}, "invalid_value", "transcription.keywords[0]", "keyword"),
        ({"transcription": {"keywords": "a"}}, "invalid_type", "transcription.keywords", "expected an array"),
        (
            {"transcription": {"keywords": 501 * ["a"]}},
            "invalid_value",
            "transcription.keywords",
            "500 keywords, got 501",
        ),
        ({"transcription": {"keywords": [2001 * " "]}}, "invalid_value", "transcription.keywords[0]", "got 2001"),
        ({"transcription": {"prompt": 2001 * " "}}, "invalid_value", "transcription.prompt", "at most 2000 characters"),
        ({"transcription": {"delay": "never"}}, "invalid_value", "transcription.delay", "'minimal', 'low'"),
        ({"transcription": {"prompt": "\ud800"}}, "invalid_value", "transcription.prompt", "lone surrogate"),
        ({"transcription": {"temperature": 0}}, "unknown_parameter", "transcription.temperature", "Unknown parameter"),
        (
            {"transcription": {"language": "en", "languages": ["de"]}},
            "invalid_value",
            "transcription.languages",
            "not both",
        ),
        ({"noise_reduction": {"type": "no_field"}}, "invalid_value", "noise_reduction.type", "'near_field'"),
        ({"volume": 11}, "unknown_parameter", "volume", "Unknown parameter: 'session.audio.input.volume'."),
    ],
)
def test_what_makes_no_sense_is_named_and_changes_nothing(
    settings: dict[str, Any], code: str, param: str, message: str
) -> None:
    talk = Talk(opening())
    before = settings_of(talk)

    error = error_after(talk, **settings)
    assert (code, f"session.audio.input.{param}") == (error["code"], error["param"])
    assert message in error["message"]
    assert before == settings_of(talk)


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ("", "invalid_json", None),
        ("{", "invalid_json", None),
        ("[" * 100_000, "invalid_json", None),
        ("1" * 5_000, "invalid_json", None),
        ("[]", "invalid_type", "message"),
        (b"\0\1", "invalid_message", None),
        ('{"event_id": "mine"}', "missing_required_parameter", "type"),
        ('{"type": "response.create"}', "invalid_value", "type"),
        ('{"type": "session.update"}', "missing_required_parameter", "session"),
        ('{"type": "session.update", "session": {"type": "realtime"}}', "invalid_value", "session.type"),
        ('{"type": "session.update", "session": {"include": ["all"]}}', "invalid_value", "session.include[0]"),
        ('{"type": "input_audio_buffer.append"}', "missing_required_parameter", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": "%%%"}', "invalid_value", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": "é"}', "invalid_value", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": "AAA"}', "invalid_value", "audio"),
        ('{"type": "input_audio_buffer.commit", "now": true}', "unknown_parameter", "now"),
    ],
)
def test_bad_messages_are_answered(message: str | bytes, code: str, param: str | None) -> None:
    [event] = events_of(Talk(opening()).protocol.receive_message(message))

    assert (code, param) == (event["error"]["code"], event["error"]["param"])


def test_15_mib_can_be_appended_at_once_and_no_more() -> None:
    talk, most = Talk(opening()), "A" * (4 * (15 * 2**20 // 3))
    assert [] == talk.ask("input_audio_buffer.append", audio=most)
    assert len(json.dumps({"type": "input_audio_buffer.append", "audio": most})) < Limits().message_bytes

    [event] = talk.ask("input_audio_buffer.append", audio=f"{most}AAAA")

    assert "audio_too_large" == event["error"]["code"]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
KINDS = ["session.update", "transcription_session.update"] + [
    f"input_audio_buffer.{verb}" for verb in ("append", "commit", "clear")
]
NAMES = (
    "session", "type", "audio", "input", "format", "rate", "transcription", "model", "language", "languages", "prompt",
    "keywords", "delay", "turn_detection", "threshold", "prefix_padding_ms", "silence_duration_ms", "eagerness",
    "include", "noise_reduction", "input_audio_format", "input_audio_transcription", "event_id",
)  # fmt: skip
WORDS = ("server_vad", "semantic_vad", "audio/pcm", "audio/pcma", "whisper-1", "en", "AAAA", "low", "transcription")
KNOWN = st.dictionaries(
    st.sampled_from(NAMES),
    st.recursive(
        ANY_JSON | st.sampled_from(WORDS),
        lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
        max_leaves=12,
    ),
    max_size=6,
)


MESSAGES = st.lists(st.tuples(st.sampled_from(KINDS), KNOWN), max_size=4)


def send_all(messages: list[tuple[str, dict[str, Any]]]) -> None:
    """Each answer is checked by ``Talk``."""
    for headers in ({}, {"openai-beta": "realtime=v1"}):
        talk = Talk(opening(headers=headers))
        for kind, fields in messages:
            talk.send(**fields | {"kind": kind})


@settings(max_examples=15)
@given(MESSAGES)
def test_whatever_comes_is_answered_with_the_sdks_own_events(messages: list[tuple[str, dict[str, Any]]]) -> None:
    send_all(messages)


@pytest.mark.slow
@settings(max_examples=500)
@given(MESSAGES)
def test_much_more_is_answered_too(messages: list[tuple[str, dict[str, Any]]]) -> None:
    send_all(messages)


@settings(max_examples=60)
@given(st.text() | st.binary() | ANY_JSON.map(json.dumps))
def test_whatever_text_comes_is_answered(message: str | bytes) -> None:
    [event] = events_of(Talk(opening()).protocol.receive_message(message))

    assert "error" == event["type"]
