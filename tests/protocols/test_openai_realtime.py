"""OpenAI's realtime protocol, message by message."""

from __future__ import annotations

from openai_client import (
    COMMITTED,
    TRANSCRIPTION,
    Talk,
    discarded,
    events_of,
    final,
    kinds,
    opening,
    partial,
    started,
    texts,
)

from engine.events import (
    AudioDropped,
    DecodeFailed,
    Flushed,
    SpeechStopped,
    Status,
)
from ui.server.protocols.protocol import Clear, Configure, Flush


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


def test_what_is_said_behind_a_clear_is_an_item_of_its_own() -> None:
    talk = Talk(opening())
    talk.append(2.0)
    first = talk.hear(started())
    talk.send("input_audio_buffer.clear")
    # The model is still at work on what was taken back.
    events = talk.hear(started(2, 4.0), discarded(), SpeechStopped(2, 5.0), final("Two.", 2))

    assert [("Two.", "Two.")] == list(texts(events).values())
    assert first[0]["item_id"] not in {event.get("item_id") for event in events}


def test_cleared_text_is_withdrawn() -> None:
    talk = Talk(opening())
    talk.hear(started(), partial("Hello"))

    told = talk.ask("input_audio_buffer.clear")
    assert ["input_audio_buffer.cleared", f"{TRANSCRIPTION}.failed"] == kinds(told)
    assert [] == talk.hear(discarded())


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
