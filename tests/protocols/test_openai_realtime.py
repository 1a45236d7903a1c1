"""OpenAI's realtime protocol, message by message."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from openai_client import Talk, events_of, kinds, opening

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
    Token,
)
from stream.raw import AudioFormat
from ui.server.protocols.protocol import Audio, Clear, Close, Configure, Flush, Refusal, Send

TRANSCRIPTION = "conversation.item.input_audio_transcription"
COMMITTED = ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
BETA = {"headers": {"openai-beta": "realtime=v1"}}


def started(utterance: int = 1, start_s: float = 1.0) -> SpeechStarted:
    return SpeechStarted(utterance, start_s)


def partial(stable: str, unstable: str = "", utterance: int = 1) -> Partial:
    return Partial(utterance, stable, unstable, 1.0, 2.0)


def final(text: str, utterance: int = 1, language: str = "en") -> Final:
    tokens = (Token(7, f" {text}".encode(), -0.25),)
    return Final(utterance, text, 1.0, 3.0, language, tokens=tokens)


def discarded(utterance: int = 1) -> Discarded:
    return Discarded(utterance, "no words were heard", 1.0, 3.0)


def by_hand() -> Talk:
    talk = Talk(opening())
    talk.update(turn_detection=None)
    return talk


def texts(events: list[dict[str, Any]]) -> dict[str, tuple[str, str | None]]:
    """Item → its deltas put together, and its transcript."""
    found: dict[str, tuple[str, str | None]] = {}
    for event in events:
        told, transcript = found.get(event.get("item_id", ""), ("", None))
        if event["type"] == f"{TRANSCRIPTION}.delta":
            found[event["item_id"]] = (told + event["delta"], transcript)
        if event["type"] == f"{TRANSCRIPTION}.completed":
            found[event["item_id"]] = (told, event["transcript"])
    return found


def test_the_server_speaks_first() -> None:
    configure, send = Talk(opening()).opened

    assert isinstance(configure, Configure)
    assert (300, 500, -65.0) == (
        configure.options.gate.pre_roll_ms,
        configure.options.gate.hangover_ms,
        configure.options.gate.threshold_dbfs,
    )
    assert configure.options.keeps_stable
    [created] = events_of([send])
    assert created["type"] == "session.created"
    assert created["session"] == {
        "type": "transcription",
        "id": "sess_stream",
        "object": "realtime.transcription_session",
        "expires_at": 0,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "noise_reduction": None,
                "transcription": {"model": "tiny.en", "language": None, "prompt": ""},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                },
            }
        },
        "include": None,
    }


def test_an_utterance_from_voice_to_text() -> None:
    talk = Talk(opening())
    begun = talk.hear(started(), partial("", "Hel"), partial("Hello", " wor"))
    ended = talk.hear(SpeechStopped(1, 3.0), partial("Hello world"), final("Hello world."))

    assert kinds(begun) == ["input_audio_buffer.speech_started", f"{TRANSCRIPTION}.delta"]
    assert begun[0]["audio_start_ms"] == 1000
    assert kinds(ended) == [
        "input_audio_buffer.speech_stopped",
        *COMMITTED,
        f"{TRANSCRIPTION}.delta",
        f"{TRANSCRIPTION}.delta",
        f"{TRANSCRIPTION}.completed",
    ]
    assert ended[0]["audio_end_ms"] == 3000
    assert {begun[0]["item_id"]: ("Hello world.", "Hello world.")} == texts(begun + ended)
    assert ended[-1]["usage"] == {"type": "duration", "seconds": 2.0}
    assert len({event["event_id"] for event in begun + ended}) == len(begun + ended)


def test_items_know_the_one_before() -> None:
    talk = Talk(opening())
    first = talk.hear(started(), SpeechStopped(1, 3.0), final("One."))
    second = talk.hear(started(2, 4.0), SpeechStopped(2, 5.0), final("Two.", 2))

    assert [None, first[0]["item_id"]] == [events[2]["previous_item_id"] for events in (first, second)]
    assert first[0]["item_id"] != second[0]["item_id"]


def test_the_next_utterance_may_begin_before_the_text_of_the_last() -> None:
    talk = Talk(opening())
    events = talk.hear(started(), SpeechStopped(1, 3.0), started(2, 4.0), final("One."), partial("Two", utterance=2))
    events += talk.hear(SpeechStopped(2, 5.0), final("Two.", 2))

    assert [("One.", "One."), ("Two.", "Two.")] == list(texts(events).values())


def test_a_final_that_contradicts_what_was_told_becomes_another_item() -> None:
    talk = Talk(opening())
    talk.hear(started(), partial("Hello word"), SpeechStopped(1, 3.0))
    events = talk.hear(final("Hello world."))

    failed, completed = events[0], events[-1]
    assert kinds(events) == [
        f"{TRANSCRIPTION}.failed",
        *COMMITTED,
        f"{TRANSCRIPTION}.delta",
        f"{TRANSCRIPTION}.completed",
    ]
    assert failed["item_id"] == events[1]["previous_item_id"]
    assert failed["error"]["code"] == "transcript_withdrawn"
    assert {completed["item_id"]: ("Hello world.", "Hello world.")} == texts(events)


def test_an_utterance_without_words_has_an_empty_transcript() -> None:
    talk = Talk(opening())
    talk.hear(started(), partial("", "Hm"), SpeechStopped(1, 3.0))

    [completed] = talk.hear(discarded())
    assert ("", f"{TRANSCRIPTION}.completed") == (completed["transcript"], completed["type"])


def test_text_that_turns_out_to_be_none_is_withdrawn() -> None:
    talk = Talk(opening())
    talk.hear(started(), partial("Thank you"), SpeechStopped(1, 3.0))

    assert [f"{TRANSCRIPTION}.failed"] == kinds(talk.hear(discarded()))


def test_what_is_cleared_while_somebody_speaks_is_no_item() -> None:
    talk = Talk(opening())
    talk.append(2.0)
    talk.hear(started())
    clear, cleared = talk.send("input_audio_buffer.clear")

    assert (clear, "input_audio_buffer.cleared") == (Clear(), kinds(events_of([cleared]))[0])
    assert [] == talk.hear(discarded())
    assert [("Two.", "Two.")] == list(
        texts(talk.hear(started(2, 4.0), SpeechStopped(2, 5.0), final("Two.", 2))).values()
    )


def test_cleared_text_is_withdrawn() -> None:
    talk = Talk(opening())
    talk.hear(started(), partial("Hello"))
    talk.send("input_audio_buffer.clear")

    assert [f"{TRANSCRIPTION}.failed"] == kinds(talk.hear(discarded()))


class TestByHand:
    def test_a_commit_makes_an_item_of_all_utterances_before_it(self) -> None:
        talk = by_hand()
        talk.append(40.0)
        events = talk.hear(started(1, 0.0), partial("One"), SpeechStopped(1, 28.0), started(2, 28.0), final("One two."))
        events += talk.hear(partial("Thr", utterance=2))
        flush, *told = talk.send("input_audio_buffer.commit")
        assert isinstance(flush, Flush)
        events += events_of(told) + talk.hear(SpeechStopped(2, 40.0), final("Three.", 2), Flushed(flush.tag, 40.0))

        item_id = told and events_of(told)[0]["item_id"]
        assert {item_id: ("One two. Three.", "One two. Three.")} == texts(events)
        assert kinds(events_of(told)) == COMMITTED
        assert "input_audio_buffer.speech_started" not in kinds(events)

    def test_speech_behind_a_commit_is_the_next_items(self) -> None:
        talk = by_hand()
        talk.append(2.0)
        first, *_ = talk.send("input_audio_buffer.commit")
        talk.append(2.0)
        second, *_ = talk.send("input_audio_buffer.commit")
        assert isinstance(first, Flush)
        assert isinstance(second, Flush)
        # All of it arrived before the engine came to any of it.
        events = talk.hear(started(1, 0.0), SpeechStopped(1, 2.0), started(2, 1.97), SpeechStopped(2, 4.0))
        events += talk.hear(final("One."), Flushed(first.tag, 2.0), final("Two.", 2), Flushed(second.tag, 4.0))

        assert {first.tag: ("One.", "One."), second.tag: ("Two.", "Two.")} == texts(events)

    @pytest.mark.parametrize("duration_s", [0.0, 0.0999])
    def test_too_little_is_not_committed(self, duration_s: float) -> None:
        talk = by_hand()
        talk.append(duration_s)

        [event] = talk.ask("input_audio_buffer.commit", event_id="mine")
        assert event["error"] == {
            "type": "invalid_request_error",
            "code": "input_audio_buffer_commit_empty",
            "message": "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
            f"but buffer only has {1000 * round(24_000 * duration_s) / 24_000:.2f}ms of audio.",
            "param": None,
            "event_id": "mine",
        }

    def test_what_was_committed_counts_no_more(self) -> None:
        talk = by_hand()
        talk.append(1.0)
        talk.send("input_audio_buffer.commit")

        assert ["error"] == kinds(talk.ask("input_audio_buffer.commit"))

    def test_silence_has_an_empty_transcript(self) -> None:
        talk = by_hand()
        talk.append(1.0)
        flush, *_ = talk.send("input_audio_buffer.commit")
        assert isinstance(flush, Flush)

        [completed] = talk.hear(started(1, 0.0), SpeechStopped(1, 1.0), discarded(), Flushed(flush.tag, 1.0))
        assert "" == completed["transcript"]

    def test_what_was_cleared_is_forgotten_even_if_it_was_not_heard_yet(self) -> None:
        talk = by_hand()
        talk.append(30.0)
        talk.send("input_audio_buffer.clear")
        talk.append(1.0)
        flush, *_ = talk.send("input_audio_buffer.commit")
        assert isinstance(flush, Flush)
        events = talk.hear(started(1, 0.0), SpeechStopped(1, 28.0), started(2, 28.0), final("Old."), discarded(2))
        events += talk.hear(started(3, 30.0), SpeechStopped(3, 31.0), final("New.", 3), Flushed(flush.tag, 31.0))

        assert {flush.tag: ("New.", "New.")} == texts(events)

    def test_clearing_withdraws_what_was_told(self) -> None:
        talk = by_hand()
        talk.append(2.0)
        talk.hear(started(1, 0.0), partial("Hello"))

        told = talk.ask("input_audio_buffer.clear")
        assert ["input_audio_buffer.cleared", f"{TRANSCRIPTION}.failed"] == kinds(told)
        assert [] == talk.hear(discarded())

    def test_japanese_is_put_together_without_spaces(self) -> None:
        talk = by_hand()
        talk.append(40.0)
        events = talk.hear(started(1, 0.0), final("一。", language="ja"), started(2, 28.0), final("二。", 2, "ja"))
        flush, *_ = talk.send("input_audio_buffer.commit")
        assert isinstance(flush, Flush)

        assert [("一。二。", "一。二。")] == list(texts(events + talk.hear(Flushed(flush.tag, 40.0))).values())

    def test_what_was_not_committed_is_told_at_the_end(self) -> None:
        talk = by_hand()
        talk.append(2.0)
        talk.hear(started(1, 0.0), SpeechStopped(1, 2.0), final("The end."))

        *committed, completed = talk.protocol.finish()
        assert len(committed) == len(COMMITTED)
        assert '"transcript": "The end."' in str(completed)


def test_a_commit_while_the_server_listens_ends_the_utterance() -> None:
    talk = Talk(opening())
    talk.append(2.0)
    events = talk.hear(started(1, 0.5))
    flush, *told = talk.send("input_audio_buffer.commit")
    assert isinstance(flush, Flush)
    events += events_of(told) + talk.hear(SpeechStopped(1, 2.0), final("One."), Flushed(flush.tag, 2.0))

    assert kinds(events) == [
        "input_audio_buffer.speech_started",
        *COMMITTED,
        f"{TRANSCRIPTION}.delta",
        f"{TRANSCRIPTION}.completed",
    ]


def test_logprobs_are_told_where_they_are_asked_for() -> None:
    talk = Talk(opening())
    include = ["item.input_audio_transcription.logprobs"]
    [updated] = talk.ask("session.update", session={"type": "transcription", "include": include})
    completed = talk.hear(started(), SpeechStopped(1, 3.0), final("Hi."))[-1]

    assert include == updated["session"]["include"]
    assert [{"token": " Hi.", "logprob": -0.25, "bytes": list(b" Hi.")}] == completed["logprobs"]
    assert [{"code": "en"}] == completed["languages"]


def test_without_transcription_there_are_items_and_no_text() -> None:
    talk = Talk(opening())
    talk.update(transcription=None)
    events = talk.hear(started(), partial("Hello"), SpeechStopped(1, 3.0), final("Hello."))

    assert ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", *COMMITTED] == kinds(events)


def test_a_model_that_fails_is_told_item_by_item() -> None:
    talk = Talk(opening())
    failure = [DecodeFailed(1, "out of memory", is_lost, 1.0, 3.0) for is_lost in (False, True)]
    lost = talk.hear(started(), SpeechStopped(1, 3.0), *failure, discarded())
    kept = talk.hear(started(2, 4.0), SpeechStopped(2, 5.0), DecodeFailed(2, "again", True, 4.0, 5.0), final("Half", 2))

    assert f"{TRANSCRIPTION}.failed" == lost[-1]["type"]
    assert "out of memory" in lost[-1]["error"]["message"]
    assert [f"{TRANSCRIPTION}.delta", "error", f"{TRANSCRIPTION}.completed"] == kinds(kept)[-3:]
    assert kept[-2]["error"]["code"] == "transcription_incomplete"


def test_lost_audio_is_told_and_status_is_not() -> None:
    talk = Talk(opening())
    [lost] = talk.hear(AudioDropped(1.0, 2.5), Status(3.0, -20.0, False, 0.0, 0.1))

    assert ("audio_lost", "Audio was lost: 1000 to 2500 ms of the session.") == (
        lost["error"]["code"],
        lost["error"]["message"],
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"type": "audio/pcm", "rate": 24000}, AudioFormat("s16le", 24_000)),
        ({"type": "audio/pcmu"}, AudioFormat("mulaw", 8_000)),
        ({"type": "audio/pcma"}, AudioFormat("alaw", 8_000)),
        (None, AudioFormat("s16le", 24_000)),
    ],
)
def test_audio_formats(asked: object, expected: AudioFormat) -> None:
    talk = Talk(opening())
    talk.update(format=asked)

    [audio] = talk.send("input_audio_buffer.append", audio=base64.b64encode(b"\0\1").decode())
    assert Audio(b"\0\1", expected) == audio


class TestBeta:
    @pytest.mark.parametrize("how", [BETA, {"subprotocols": ("realtime", "openai-beta.realtime-v1")}])
    def test_header_or_subprotocol_choose_it(self, how: dict[str, Any]) -> None:
        talk = Talk(opening(**how))
        [created] = events_of(talk.opened)

        assert created["type"] == "transcription_session.created"
        assert created["session"]["input_audio_format"] == "pcm16"
        assert created["session"]["turn_detection"]["silence_duration_ms"] == 500

    def test_an_update_and_an_utterance(self) -> None:
        talk = Talk(opening(**BETA))
        settings = {
            "input_audio_format": "g711_alaw",
            "input_audio_transcription": {"model": "gpt-4o-transcribe", "language": "de", "prompt": "Neuss"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 800},
            "input_audio_noise_reduction": {"type": "near_field"},
        }
        configure, updated = talk.send("transcription_session.update", session=settings)
        events = talk.hear(started(), SpeechStopped(1, 3.0), final("Hallo."))

        assert isinstance(configure, Configure)
        assert ("de", "Neuss", 800) == (
            configure.options.decoding.language,
            configure.options.decoding.prompt,
            configure.options.gate.hangover_ms,
        )
        assert "g711_alaw" == events_of([updated])[0]["session"]["input_audio_format"]
        assert "conversation.item.created" in kinds(events)
        assert not {"conversation.item.added", "conversation.item.done"} & set(kinds(events))

    def test_the_first_update_may_show_it(self) -> None:
        talk = Talk(opening())

        [updated] = talk.ask("transcription_session.update", session={"input_audio_format": "g711_ulaw"})
        assert "transcription_session.updated" == updated["type"]

    def test_a_later_one_may_not(self) -> None:
        talk = Talk(opening())
        talk.update(turn_detection=None)

        [error] = talk.ask("transcription_session.update", session={})
        assert error["error"]["message"] == (
            "Passing a transcription session update event to a realtime session is not allowed."
        )

    def test_a_conversations_update_is_answered_as_one(self) -> None:
        talk = Talk(opening(query={"model": ["gpt-4o-realtime-preview"]}, **BETA))

        assert ["session.created"] == kinds(events_of(talk.opened))
        [updated] = talk.ask("session.update", session={"modalities": ["text"], "turn_detection": None})
        assert ("session.updated", None) == (updated["type"], updated["session"]["turn_detection"])


def test_another_model_is_refused_at_once() -> None:
    send, close = Talk(opening(query={"model": ["large-v3"]})).opened

    [error] = events_of([send])
    assert "model_not_found" == error["error"]["code"]
    assert "The model 'large-v3' does not exist here. This server has one: 'tiny.en'." == error["error"]["message"]
    assert isinstance(close, Close)
    assert 1008 == close.code


@pytest.mark.parametrize(
    ("refusal", "code", "close"),
    [
        (Refusal("busy", "32 streams are open.", 5.2), "rate_limit_exceeded", 1013),
        (Refusal("too_large", "Too large."), "message_too_large", 1009),
        (Refusal("too_long", "One hour is over."), "session_expired", 1001),
        (Refusal("draining", "The server ends."), "server_shutting_down", 1012),
        (Refusal("unauthorized", "Who are you?"), "invalid_api_key", 1008),
    ],
)
def test_limits_are_told_as_errors(refusal: Refusal, code: str, close: int) -> None:
    told, closed = Talk(opening()).protocol.refuse(refusal)

    assert isinstance(told, Send)
    [event] = events_of([told])
    assert (code, Close(close, code)) == (event["error"]["code"], closed)
    assert event["error"]["message"].startswith(refusal.message)
    assert ("Try again in 5 s." in event["error"]["message"]) == (refusal.retry_after_s is not None)
