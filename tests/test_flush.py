"""What a client asks of a stream while it runs: flush, take back, other options, finals that keep their word."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import LONG_PAUSE, LoudnessDetector, ReadingModel, cut, speech

from engine.events import Discarded, Event, Final, Flushed
from engine.options import DecodingOptions, StreamingOptions
from engine.transcriber import Transcriber
from stream.audio import AudioChunk
from stream.gate import GateOptions


def finals(events: list[Event]) -> list[Final]:
    return [event for event in events if isinstance(event, Final)]


def test_a_flush_ends_the_utterance_and_is_told_behind_it() -> None:
    transcriber, model = Transcriber(LoudnessDetector()), ReadingModel()
    transcriber.receive_audio(AudioChunk(speech([11, 12]), 0))
    transcriber.flush("now")
    assert not [e for e in transcriber.events() if isinstance(e, Flushed)]
    model.answer(transcriber, transcriber.next_jobs())

    assert ["11 12", "now"] == [
        e.text if isinstance(e, Final) else e.tag for e in transcriber.events() if isinstance(e, Final | Flushed)
    ]


def test_a_flush_where_nothing_was_said_is_told_at_once() -> None:
    transcriber = Transcriber(LoudnessDetector())
    transcriber.receive_audio(AudioChunk(np.zeros(8000, np.int16), 0))
    transcriber.flush("silence")

    assert [Flushed("silence", 0.5)] == transcriber.events()


@pytest.mark.parametrize("is_decoding", [False, True])
def test_what_is_taken_back_is_discarded_and_what_follows_is_heard(is_decoding: bool) -> None:
    transcriber, model = Transcriber(LoudnessDetector()), ReadingModel()
    first = speech([11, 12])
    transcriber.receive_audio(AudioChunk(first, 0))
    jobs = transcriber.next_jobs() if is_decoding else []
    transcriber.clear()
    model.answer(transcriber, jobs)
    transcriber.receive_audio(AudioChunk(speech([13]), len(first)))
    transcriber.receive_eof()
    model.answer(transcriber, transcriber.next_jobs())

    events = transcriber.events()
    assert ["it was taken back"] == [e.reason for e in events if isinstance(e, Discarded)]
    assert ["13"] == [final.text for final in finals(events)]


def test_without_endpointing_everything_is_one_utterance_until_the_flush() -> None:
    options = StreamingOptions(gate=GateOptions(is_manual=True))
    transcriber, model = Transcriber(LoudnessDetector(), options), ReadingModel()
    audio = speech([LONG_PAUSE, 11, LONG_PAUSE, LONG_PAUSE, 12, LONG_PAUSE])
    transcriber.receive_audio(AudioChunk(audio, 0))
    transcriber.flush()
    model.answer(transcriber, transcriber.next_jobs())

    assert [("11 12", 0.0, len(audio) / 16_000)] == [
        (final.text, final.start_s, final.end_s) for final in finals(transcriber.events())
    ]


def test_finals_that_keep_what_was_stable_begin_with_it() -> None:
    transcriber = Transcriber(LoudnessDetector(), StreamingOptions(keeps_stable=True))
    model, given = ReadingModel(), []
    for chunk in cut(speech([11, 12, 13, LONG_PAUSE]), lambda: 1600):
        transcriber.receive_audio(chunk)
        jobs = transcriber.next_jobs()
        given += [job.prefix for job in jobs if job.is_final]
        model.answer(transcriber, jobs)

    assert (11, 12) == given[0][:2]


@pytest.mark.parametrize("longest_s", [1.1, 9.9, 14.4, 27.8, 28.0])
def test_utterances_may_stay_as_long_as_they_were(longest_s: float) -> None:
    options = StreamingOptions(gate=GateOptions(longest_s=longest_s, pre_roll_ms=0))

    Transcriber(LoudnessDetector(), options).configure(options)


def test_other_options_hold_from_here_on() -> None:
    transcriber = Transcriber(LoudnessDetector(), StreamingOptions(gate=GateOptions(longest_s=20.0)))
    transcriber.receive_audio(AudioChunk(speech([11]), 0))
    manual = GateOptions(is_manual=True, longest_s=20.0)
    transcriber.configure(StreamingOptions(decoding=DecodingOptions(language="de"), gate=manual))
    (job,) = transcriber.next_jobs()

    assert "de" == job.options.language
    with pytest.raises(ValueError, match=r"gate\.longest_s must be at most 20, as at first, got 21"):
        transcriber.configure(StreamingOptions(gate=GateOptions(longest_s=21.0)))
