"""Whatever a client sends: an answer or a close, and never an error of ours."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openings import ANY_JSON, ANY_MESSAGE, opening

from ui.server.protocols.deepgram import Deepgram
from ui.server.protocols.protocol import Audio, BadOpeningError, Close, Configure, End, Flush, Send
from ui.server.protocols.whisper_live import WhisperLive
from ui.server.protocols.wyoming import Wyoming

pytestmark = pytest.mark.slow

PLAIN = "encoding=linear16&sample_rate=16000"
FIRST = {"uid": "me", "language": None, "task": "transcribe", "model": "tiny", "use_vad": True}
MORE = ["send_last_n_segments", "hotwords", "word_timestamps", "initial_prompt", "audio_format", "enable_translation"]


@given(ANY_MESSAGE)
def test_no_message_is_an_error_of_ours(message: str | bytes) -> None:
    for command in Deepgram(opening(PLAIN)).receive_message(message):
        assert isinstance(command, Audio | Flush | End | Configure | Send | Close)


@given(st.sampled_from(["Configure", "Finalize", "KeepAlive"]), st.dictionaries(st.just("keyterms"), ANY_JSON))
def test_no_control_message_is_an_error_of_ours(kind: str, fields: dict[str, Any]) -> None:
    for command in Deepgram(opening(PLAIN)).receive_message(json.dumps({**fields, "type": kind})):
        assert isinstance(command, Flush | Configure | Send)


NAMES = ["encoding", "sample_rate", "channels", "endpointing", "language", "utterance_end_ms", "keywords", "keyterm"]
VALUES = st.text() | st.sampled_from(["linear16", "16000", "1", "true", "en", "1000"])


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(VALUES, max_size=3)))
def test_a_query_is_served_or_refused(query: dict[str, list[str]]) -> None:
    told = ""
    try:
        Deepgram(replace(opening(), query=query))
    except BadOpeningError as error:
        told = error.headers["dg-error"]

    assert told.isascii()
    assert "\n" not in told


@given(st.lists(ANY_MESSAGE, max_size=3))
def test_no_first_message_is_an_error_of_ours(messages: list[str | bytes]) -> None:
    protocol = WhisperLive(opening())
    for message in messages:
        for command in protocol.receive_message(message):
            assert isinstance(command, Audio | End | Configure | Send | Close)


@given(st.dictionaries(st.sampled_from([*sorted(FIRST.keys() - {"uid"}), *MORE]), ANY_JSON))
def test_whatever_is_asked_for_is_served_or_refused(changes: dict[str, Any]) -> None:
    first, *_, last = WhisperLive(opening()).receive_message(json.dumps({**FIRST, **changes}))

    if isinstance(first, Configure):
        assert isinstance(last, Send)
        assert json.loads(last.message)["message"] == "SERVER_READY"
    else:
        assert isinstance(first, Send)
        assert json.loads(first.message)["status"] == "ERROR"
        assert isinstance(last, Close)


@given(st.lists(st.binary() | ANY_JSON.map(lambda value: json.dumps(value).encode() + b"\n"), max_size=4))
def test_no_bytes_are_an_error_of_ours(pieces: list[bytes]) -> None:
    protocol = Wyoming(opening())
    commands = [command for piece in pieces for command in protocol.receive_message(piece)]

    assert all(isinstance(command, Audio | Configure | Flush | Send | End) for command in commands)


@given(
    st.sampled_from(["transcribe", "audio-start", "audio-chunk", "ping"]),
    st.dictionaries(st.sampled_from(["language", "transcript_names", "rate", "width", "channels", "text"]), ANY_JSON),
    st.binary(),
)
def test_no_event_is_an_error_of_ours(kind: str, data: dict[str, Any], payload: bytes) -> None:
    fields = json.dumps(data).encode()
    header = {"type": kind, "data_length": len(fields), "payload_length": len(payload)}

    for command in Wyoming(opening()).receive_message(json.dumps(header).encode() + b"\n" + fields + payload):
        assert isinstance(command, Audio | Configure | Flush | Send | End)
