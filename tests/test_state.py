"""Events in, states and printed lines out."""

from engine.events import AudioDropped, Discarded, Event, Final, Partial, SpeechStarted, Status
from ui.terminal.state import Line, TranscriptState, apply

EMPTY = TranscriptState("CPU", "tiny.en")
FIRST = Partial(1, "so", " far", 0.0, 1.0)
SECOND = Partial(2, "next", "", 2.0, 3.0)
STATUS = Status(1.0, -20.0, True, 0.1, 0.2)


def after(*events: Event) -> tuple[TranscriptState, list[Line]]:
    state, lines = EMPTY, []
    for event in events:
        state, line = apply(state, event)
        if line is not None:
            lines.append(line)
    return state, lines


def test_a_partial_replaces_the_one_before() -> None:
    longer = Partial(1, "so far", " so good", 0.0, 2.0)
    state, lines = after(SpeechStarted(1, 0.0), FIRST, longer)
    assert state.partial == longer
    assert lines == []


def test_a_final_is_printed_once_and_forgotten() -> None:
    final = Final(1, "so far, so good.", 0.0, 2.0)
    state, lines = after(FIRST, final)
    assert state == EMPTY
    assert lines == [final]


def test_a_final_leaves_the_partial_of_a_later_utterance() -> None:
    state, _ = after(SECOND, Final(1, "so far", 0.0, 2.0))
    assert state.partial == SECOND


def test_what_was_no_speech_goes_away() -> None:
    state, lines = after(FIRST, Discarded(1, "no words were heard", 0.0, 2.0))
    assert state == EMPTY
    assert lines == []


def test_lost_audio_is_printed_and_the_partial_stays() -> None:
    lost = AudioDropped(1.0, 2.0)
    state, lines = after(FIRST, lost)
    assert state.partial == FIRST
    assert lines == [lost]


def test_a_status_replaces_the_one_before() -> None:
    state, lines = after(Status(0.5, -30.0, False, 0.0, 0.0), STATUS)
    assert state.status == STATUS
    assert lines == []


def test_memory_does_not_grow_with_the_transcript() -> None:
    state, lines = after(*(Final(i, "words", i, i + 1.0) for i in range(1000)))
    assert state == EMPTY
    assert len(lines) == 1000
