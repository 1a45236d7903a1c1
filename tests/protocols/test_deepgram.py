"""Deepgram's wire format, as its reference and its SDK have it."""

import hashlib
import json
from typing import Any

import pytest
from openings import WORDS, final, happened, opening, partial

from engine.events import AudioDropped, DecodeFailed, Discarded, Flushed, SpeechStarted, SpeechStopped, Status
from engine.options import StreamingOptions
from ui.server.protocols.deepgram import Deepgram
from ui.server.protocols.protocol import (
    Configure,
    End,
    Flush,
    Refusal,
    StreamProtocol,
)

PLAIN = "encoding=linear16&sample_rate=16000"


def made(query: str = "", **fields: Any) -> Deepgram:
    return Deepgram(opening(f"{PLAIN}&{query}", **fields))


def options(query: str, **fields: Any) -> StreamingOptions:
    (command,) = made(query, **fields).open()
    assert isinstance(command, Configure)
    return command.options


def said(protocol: StreamProtocol, message: dict[str, Any]) -> list[Any]:
    return protocol.receive_message(json.dumps(message))


def read(messages: list[str | bytes]) -> list[Any]:
    return [json.loads(message) for message in messages]


def status(now_s: float) -> Any:
    return happened(Status(now_s, -30.0, is_speech=False, lag_s=0.0, real_time_factor=0.1))


def test_a_final_is_a_result_with_words_and_their_confidence() -> None:
    (result,) = read(made().receive_event(final(words=WORDS)))

    words = [
        {"word": "ask", "start": 1.0, "end": 1.25, "confidence": 0.9, "punctuated_word": "Ask"},
        {"word": "not", "start": 1.25, "end": 1.5, "confidence": 0.8, "punctuated_word": "not,"},
    ]
    assert [{"transcript": "Ask not,", "confidence": 0.85, "words": words}] == result["channel"]["alternatives"]
    assert (result["start"], result["duration"]) == (1.0, 0.75)
    assert (result["is_final"], result["speech_final"], result["from_finalize"]) == (True, True, False)
    assert result["metadata"]["request_id"] == "stream-1"
    assert result["metadata"]["model_info"]["name"] == "tiny"


def test_interim_results_are_sent_only_where_they_are_asked_for() -> None:
    (result,) = read(made("interim_results=true").receive_event(partial("Ask| no")))

    assert result["channel"]["alternatives"][0]["transcript"] == "Ask no"
    assert (result["is_final"], result["speech_final"]) == (False, False)
    assert [] == made().receive_event(partial("Ask| no"))


def test_what_was_shown_and_held_no_words_ends_in_an_empty_result() -> None:
    (result,) = read(made().receive_event(happened(Discarded(1, "noise", 1.0, 2.0))))

    assert result["channel"]["alternatives"][0]["transcript"] == ""
    assert (result["is_final"], result["speech_final"]) == (True, True)


def test_without_endpointing_nobody_is_told_that_speech_ended() -> None:
    (result,) = read(made("endpointing=false").receive_event(final()))

    assert (result["is_final"], result["speech_final"]) == (True, False)


def test_an_utterance_cut_while_somebody_spoke_does_not_end_speech() -> None:
    protocol = made()
    protocol.receive_event(happened(SpeechStarted(1, 0.0)))
    protocol.receive_event(happened(SpeechStarted(2, 26.0)))

    (cut,) = read(protocol.receive_event(final("…", 1, 0.0, 26.0)))
    (ended,) = read(protocol.receive_event(final("…", 2, 26.0, 27.0)))

    assert not cut["speech_final"]
    assert ended["speech_final"]


def test_the_start_of_speech_is_told_where_it_is_asked_for() -> None:
    event = happened(SpeechStarted(1, 1.25))

    assert [{"type": "SpeechStarted", "channel": [0, 1], "timestamp": 1.25}] == read(
        made("vad_events=true").receive_event(event)
    )
    assert [] == made().receive_event(event)


def test_finalize_is_answered_by_the_last_result_before_it() -> None:
    protocol = made()
    assert [Flush("finalize")] == said(protocol, {"type": "Finalize"})

    assert [] == protocol.receive_event(final("one", 1))
    (one,) = read(protocol.receive_event(final("two", 2)))
    (two,) = read(protocol.receive_event(happened(Flushed("finalize", 3.0))))
    (three,) = read(protocol.receive_event(final("three", 3)))

    texts = [result["channel"]["alternatives"][0]["transcript"] for result in (one, two, three)]
    assert ["one", "two", "three"] == texts
    assert [False, True, False] == [result["from_finalize"] for result in (one, two, three)]


def test_finalize_of_silence_is_answered_too() -> None:
    protocol = made()
    said(protocol, {"type": "Finalize"})

    (result,) = read(protocol.receive_event(happened(Flushed("finalize", 3.0))))

    assert (result["from_finalize"], result["start"], result["duration"]) == (True, 3.0, 0.0)


def test_the_flush_of_somebody_else_is_not_told() -> None:
    assert [] == made().receive_event(happened(Flushed("stalled", 3.0)))


def test_the_end_of_an_utterance_is_told_once() -> None:
    protocol = made("interim_results=true&utterance_end_ms=1000")

    protocol.receive_event(final(words=WORDS))
    early = protocol.receive_event(status(2.4))
    due = read(protocol.receive_event(status(2.5)))
    again = protocol.receive_event(status(3.5))

    assert [] == early
    assert [{"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 1.5}] == due
    assert [] == again


def test_no_utterance_ends_while_somebody_speaks() -> None:
    protocol = made("interim_results=true&utterance_end_ms=1000")
    protocol.receive_event(final(words=WORDS))
    protocol.receive_event(happened(SpeechStarted(2, 2.0)))

    assert [] == protocol.receive_event(status(9.0))


def test_the_end_of_an_utterance_that_is_late_is_told_behind_its_text() -> None:
    protocol = made("interim_results=true&utterance_end_ms=1000")
    protocol.receive_event(happened(SpeechStarted(1, 1.0)))
    protocol.receive_event(status(9.0))

    kinds = [message["type"] for message in read(protocol.receive_event(final(words=WORDS)))]

    assert ["Results", "UtteranceEnd"] == kinds


def test_lost_audio_and_lost_text_are_told() -> None:
    protocol = made()

    (dropped,) = read(protocol.receive_event(happened(AudioDropped(1.0, 2.5))))
    (failed,) = read(protocol.receive_event(happened(DecodeFailed(1, "out of memory", True, 1.0, 2.0))))

    assert (dropped["type"], dropped["variant"]) == ("Error", "AudioDropped")
    assert "1.000 s to 2.500 s" in dropped["description"]
    assert (failed["variant"], failed["description"]) == ("DecodeFailed", "out of memory")
    assert [] == protocol.receive_event(happened(DecodeFailed(1, "once", False, 1.0, 2.0)))
    assert [] == protocol.receive_event(happened(SpeechStopped(1, 2.0)))


@pytest.mark.parametrize("message", ['{"type": "CloseStream"}', b""])
def test_the_stream_is_closed_with_a_summary(message: str | bytes) -> None:
    protocol = made("channels=2")
    sound = bytes(range(64))
    protocol.receive_message(sound)

    assert [End()] == protocol.receive_message(message)
    (metadata,) = read(protocol.finish())
    assert metadata["type"] == "Metadata"
    assert metadata["sha256"] == hashlib.sha256(sound).hexdigest()
    assert (metadata["duration"], metadata["channels"]) == (0.001, 2)
    assert metadata["created"] == "2026-11-26T23:10:00.123Z"
    assert list(metadata["model_info"]) == metadata["models"]


def test_a_result_that_waits_for_finalize_is_not_lost_at_the_end() -> None:
    protocol = made()
    said(protocol, {"type": "Finalize"})
    protocol.receive_event(final("one"))

    (result,) = read(protocol.last_text())

    assert result["channel"]["alternatives"][0]["transcript"] == "one"
    assert [] == protocol.last_text()


def test_keyterms_can_be_replaced() -> None:
    protocol = made("keyterm=old&interim_results=true")

    command, answer = said(protocol, {"type": "Configure", "keyterms": [" new ", ""]})

    assert ("new",) == command.options.decoding.hotwords
    assert command.options.partials
    assert {"type": "ConfigureSuccess", "keyterms": ["new"], "request_id": "stream-1"} == json.loads(answer.message)


def test_keyterms_that_are_too_many_change_nothing() -> None:
    (answer,) = said(made(), {"type": "Configure", "keyterms": 501 * ["a"]})

    failure = json.loads(answer.message)
    assert (failure["type"], failure["code"]) == ("ConfigureFailure", "CONFIGURE_KEYTERM_LIMIT_EXCEEDED")


def test_keep_alive_asks_for_nothing() -> None:
    assert [] == said(made(), {"type": "KeepAlive"})


@pytest.mark.parametrize(
    "message",
    [
        "",
        "hello",
        "[]",
        "{}",
        '{"type": ["Finalize"]}',
        '{"type": "Configure", "keyterms": "a"}',
        json.dumps({"type": "Configure", "keyterms": [2001 * "a"]}),
        '{"type": "Configure", "keyterms": ["\\ud800"]}',
        '{"type": NaN}',
        100_000 * "[",
    ],
)
def test_what_makes_no_sense_is_answered(message: str) -> None:
    (answer,) = made().receive_message(message)

    error = json.loads(answer.message)
    assert (error["type"], error["variant"]) == ("Error", "SchemaError")
    assert len(answer.message) < 500


def test_a_refusal_has_deepgram_s_code() -> None:
    told, close = made().refuse(Refusal("idle", "nothing came for 60 s: " + 200 * "é"))

    assert json.loads(told.message)["description"].startswith("nothing came")
    assert close.code == 1011
    assert close.reason.startswith("NET-0001: nothing came")
    assert len(close.reason.encode()) <= 123
