"""An OpenAI client that commits by hand."""

from __future__ import annotations

import pytest
from openai_client import (
    COMMITTED,
    TRANSCRIPTION,
    Talk,
    by_hand,
    discarded,
    events_of,
    final,
    kinds,
    opening,
    partial,
    started,
    texts,
)

from engine.events import Flushed, SpeechStopped
from engine.options import DecodingOptions, StreamingOptions
from ui.server.protocols.protocol import Flush


def test_a_commit_makes_an_item_of_all_utterances_before_it() -> None:
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


def test_speech_behind_a_commit_is_the_next_items() -> None:
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
def test_too_little_is_not_committed(duration_s: float) -> None:
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


def test_what_was_committed_counts_no_more() -> None:
    talk = by_hand()
    talk.append(1.0)
    talk.send("input_audio_buffer.commit")

    assert ["error"] == kinds(talk.ask("input_audio_buffer.commit"))


def test_silence_has_an_empty_transcript() -> None:
    talk = by_hand()
    talk.append(1.0)
    flush, *_ = talk.send("input_audio_buffer.commit")
    assert isinstance(flush, Flush)

    [completed] = talk.hear(started(1, 0.0), SpeechStopped(1, 1.0), discarded(), Flushed(flush.tag, 1.0))
    assert "" == completed["transcript"]


def test_what_was_cleared_is_forgotten_even_if_it_was_not_heard_yet() -> None:
    talk = by_hand()
    talk.append(30.0)
    talk.send("input_audio_buffer.clear")
    talk.append(1.0)
    flush, *_ = talk.send("input_audio_buffer.commit")
    assert isinstance(flush, Flush)
    events = talk.hear(started(1, 0.0), SpeechStopped(1, 28.0), started(2, 28.0), final("Old."), discarded(2))
    events += talk.hear(started(3, 30.0), SpeechStopped(3, 31.0), final("New.", 3), Flushed(flush.tag, 31.0))

    assert {flush.tag: ("New.", "New.")} == texts(events)


def test_clearing_withdraws_what_was_told() -> None:
    talk = by_hand()
    talk.append(2.0)
    talk.hear(started(1, 0.0), partial("Hello"))

    told = talk.ask("input_audio_buffer.clear")
    assert ["input_audio_buffer.cleared", f"{TRANSCRIPTION}.failed"] == kinds(told)
    assert [] == talk.hear(discarded())


@pytest.mark.parametrize(
    ("one", "other", "is_translated", "whole"),
    [
        (("一。", "ja"), ("二。", "ja"), False, "一。二。"),
        (("One.", "en"), ("二。", "ja"), False, "One. 二。"),
        (("一。", "ja"), ("Two.", "en"), False, "一。Two."),
        (("One.", "ja"), ("Two.", "ja"), True, "One. Two."),
    ],
    ids=["no spaces", "behind a language with spaces", "behind one without", "a translation"],
)
def test_utterances_are_put_together_as_the_first_of_two_is_written(
    one: tuple[str, str], other: tuple[str, str], is_translated: bool, whole: str
) -> None:
    """What language the second is in is not known when its first words are told."""
    talk = by_hand(defaults=StreamingOptions(decoding=DecodingOptions(translate=is_translated)))
    talk.append(40.0)
    events = talk.hear(started(1, 0.0), final(one[0], language=one[1]))
    events += talk.hear(started(2, 28.0), partial(other[0][:2], utterance=2), final(other[0], 2, other[1]))
    flush, *_ = talk.send("input_audio_buffer.commit")
    assert isinstance(flush, Flush)

    assert [(whole, whole)] == list(texts(events + talk.hear(Flushed(flush.tag, 40.0))).values())


def test_what_was_not_committed_is_told_at_the_end() -> None:
    talk = by_hand()
    talk.append(2.0)
    talk.hear(started(1, 0.0), SpeechStopped(1, 2.0), final("The end."))

    *committed, completed = talk.protocol.last_text()
    assert len(committed) == len(COMMITTED)
    assert '"transcript": "The end."' in str(completed)


def test_turn_detection_ends_what_was_not_committed_by_hand() -> None:
    talk = by_hand()
    talk.append(30.0)
    # The first utterance was cut because it grew too long.
    events = talk.hear(started(1, 0.0), SpeechStopped(1, 28.0), started(2, 28.0))
    talk.update(turn_detection={"type": "server_vad"})
    events += talk.hear(final("One."), SpeechStopped(2, 31.0), final("Two.", 2))
    events += talk.hear(started(3, 33.0), SpeechStopped(3, 34.0), final("Three.", 3))

    assert [("One. Two.", "One. Two."), ("Three.", "Three.")] == list(texts(events).values())
    assert 2 == kinds(events).count("input_audio_buffer.committed")


def test_the_last_of_several_utterances_completes_what_turn_detection_ended() -> None:
    talk = by_hand()
    events = talk.hear(started(1, 0.0), SpeechStopped(1, 28.0), started(2, 28.0))
    talk.update(turn_detection={"type": "server_vad"})
    events += talk.hear(SpeechStopped(2, 31.0), final("One."), final("Two.", 2))

    assert [("One. Two.", "One. Two.")] == list(texts(events).values())
    assert 1 == kinds(events).count(f"{TRANSCRIPTION}.completed")


def test_what_turn_detection_had_begun_is_committed_by_hand() -> None:
    talk = Talk(opening())
    talk.append(30.0)
    events = talk.hear(started(1, 0.0))
    talk.update(turn_detection=None)
    events += talk.hear(SpeechStopped(1, 28.0), started(2, 28.0), final("One."))
    flush, *told = talk.send("input_audio_buffer.commit")
    assert isinstance(flush, Flush)
    events += events_of(told) + talk.hear(SpeechStopped(2, 30.0), final("Two.", 2), Flushed(flush.tag, 30.0))

    assert {flush.tag: ("One. Two.", "One. Two.")} == texts(events)


def test_a_flush_of_nobody_s_changes_nothing() -> None:
    talk = by_hand()
    talk.append(2.0)
    flush, *_ = talk.send("input_audio_buffer.commit")
    assert isinstance(flush, Flush)
    assert [] == talk.hear(Flushed("", 1.0), started(1, 0.0), SpeechStopped(1, 2.0))

    assert {flush.tag: ("One.", "One.")} == texts(talk.hear(final("One."), Flushed(flush.tag, 2.0)))
