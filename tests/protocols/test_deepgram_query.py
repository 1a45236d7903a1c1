"""What the query of Deepgram's endpoint asks for."""

import json
from typing import Any

import pytest
from openings import opening

from engine.options import DecodingOptions, StreamingOptions
from stream.gate import GateOptions
from ui.server.protocols.deepgram import Deepgram
from ui.server.protocols.protocol import Audio, AudioFormat, BadOpeningError, Configure

PLAIN = "encoding=linear16&sample_rate=16000"


def made(query: str = "", **fields: Any) -> Deepgram:
    return Deepgram(opening(f"{PLAIN}&{query}", **fields))


def options(query: str, **fields: Any) -> StreamingOptions:
    (command,) = made(query, **fields).open()
    assert isinstance(command, Configure)
    return command.options


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("encoding=linear16&sample_rate=44100&channels=2", AudioFormat("s16le", 44_100, 2)),
        ("encoding=linear32&sample_rate=16000", AudioFormat("f32le", 16_000)),
        ("encoding=mulaw&sample_rate=8000", AudioFormat("mulaw", 8000)),
        ("encoding=alaw&sample_rate=8000&channels=", AudioFormat("alaw", 8000)),
    ],
)
def test_binary_messages_are_audio_in_the_format_of_the_query(query: str, expected: AudioFormat) -> None:
    protocol = Deepgram(opening(query))

    assert [Audio(b"\1\2", expected)] == protocol.receive_message(b"\1\2")


def test_the_query_becomes_options() -> None:
    defaults = StreamingOptions(decoding=DecodingOptions(hotwords=("ours",)))
    query = "language=en-US&interim_results=True&endpointing=300&keyterm=Loch+Crianan&keyterm=Ask&keywords=not:2"

    changed = options(query, defaults=defaults)

    assert changed.partials
    assert changed.gate.hangover_ms == 300
    assert changed.decoding.language == "en"
    assert changed.decoding.words
    assert ("Loch Crianan", "Ask", "not", "ours") == changed.decoding.hotwords


def test_what_is_not_asked_for_is_as_the_server_has_it() -> None:
    defaults = StreamingOptions(decoding=DecodingOptions(language="de"), gate=GateOptions(hangover_ms=900))

    changed = options("model=nova-3&smart_format=true&diarize=false&tag=x", defaults=defaults)

    assert changed.decoding.language == "de"
    assert changed.gate == defaults.gate
    assert not changed.partials


def test_a_language_of_multi_is_heard() -> None:
    defaults = StreamingOptions(decoding=DecodingOptions(language="de"))

    assert options("language=multi", defaults=defaults).decoding.language is None


def test_an_endpoint_is_not_earlier_than_a_pause() -> None:
    assert GateOptions().pause_ms == options("endpointing=10").gate.hangover_ms


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("encoding=opus&sample_rate=48000", "'opus'"),
        ("encoding=linear16", "sample_rate must be a whole number"),
        ("encoding=linear16&sample_rate=1", "rate must be between"),
        ("encoding=linear16&sample_rate=16000&sample_rate=x", "'x'"),
        (f"{PLAIN}&channels=3", "channels must be 1 or 2"),
        (f"{PLAIN}&multichannel=true", "multichannel is not supported"),
        (f"{PLAIN}&redact=pci", "redact is not supported"),
        (f"{PLAIN}&diarize_model=latest", "diarize_model is not supported"),
        (f"{PLAIN}&interim_results=maybe", "interim_results must be true or false"),
        (f"{PLAIN}&language=tlh", "language 'tlh' is not known to this model; it knows en, de"),
        (f"{PLAIN}&endpointing=-1", "endpointing must be a whole number"),
        (f"{PLAIN}&endpointing=10001", "endpointing must be false or 0 to 10000 ms"),
        (f"{PLAIN}&utterance_end_ms=1000", "needs interim_results"),
        (f"{PLAIN}&utterance_end_ms=999&interim_results=true", "1000 to 10000"),
        (f"{PLAIN}&keywords=no:-3", "keywords cannot make a word less likely"),
        (f"{PLAIN}&{'&'.join(501 * ['keyterm=a'])}", "at most 500"),
        (f"{PLAIN}&keyterm={2001 * 'a'}", "may have 2000 characters, got 2001"),
    ],
)
def test_what_cannot_be_served_is_a_bad_request(query: str, why: str) -> None:
    with pytest.raises(BadOpeningError) as refused:
        Deepgram(opening(query))

    error = refused.value
    body = json.loads(error.body)
    assert error.status == 400
    assert why in body["err_msg"]
    assert {"dg-request-id": "stream-1", "dg-error": body["err_msg"]} == error.headers


def test_languages_allowed_by_the_server_are_kept_to() -> None:
    defaults = StreamingOptions(decoding=DecodingOptions(languages=("en",)))

    with pytest.raises(BadOpeningError, match="not among the languages allowed"):
        made("language=de", defaults=defaults)
