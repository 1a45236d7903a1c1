"""The streaming core: what is said becomes final, once, in order, however it arrives and however slow the model is."""

from __future__ import annotations

import gc
import tracemalloc
from itertools import cycle, pairwise

import numpy as np
import pytest
from fakes import LONG_PAUSE, PAUSE_SAMPLES, WORD_SAMPLES, LoudnessDetector, ReadingModel, cut, hypothesis, speech
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import AudioDropped, DecodeFailed, DecodeJob, Discarded, Event, Final, Partial, SpeechStarted
from engine.options import StreamingOptions
from engine.transcriber import Transcriber
from stream.audio import AudioChunk
from stream.gate import GateOptions

TALK = [11, 12, 13, LONG_PAUSE, 14, 15, LONG_PAUSE, 16]


def replay(
    chunks: list[AudioChunk], is_model_free: list[bool], options: StreamingOptions | None = None, most: int = 1
) -> list[Event]:
    """Feed ``chunks``; after each, the model answers the jobs it has, if it is its turn, and takes others."""
    transcriber, model = Transcriber(LoudnessDetector(), options), ReadingModel()
    events: list[Event] = []
    jobs: list[DecodeJob] = []
    for i, chunk in enumerate(chunks):
        transcriber.receive_audio(chunk)
        if is_model_free[i % len(is_model_free)]:
            model.answer(transcriber, jobs)
            jobs = transcriber.next_jobs(most)
        events += transcriber.events()
    transcriber.receive_eof()
    while not transcriber.is_finished:
        model.answer(transcriber, jobs)
        jobs = transcriber.next_jobs(most)
        events += transcriber.events()
    return events + transcriber.events()


def finals(events: list[Event]) -> list[Final]:
    return [event for event in events if isinstance(event, Final)]


def every(n: int) -> list[AudioChunk]:
    return cut(speech(TALK), lambda: n)


def test_what_is_said_becomes_final_in_order() -> None:
    texts = [final.text for final in finals(replay(every(1600), [True]))]

    assert ["11 12 13", "14 15", "16"] == texts


@given(
    sizes=st.lists(st.integers(160, 80_000), min_size=1, max_size=20),
    is_model_free=st.lists(st.booleans(), min_size=1, max_size=20).filter(any),
)
@settings(max_examples=40)
def test_neither_chunking_nor_the_models_speed_changes_finals(sizes: list[int], is_model_free: list[bool]) -> None:
    turns = cycle(sizes)

    events = replay(cut(speech(TALK), lambda: next(turns)), is_model_free)

    assert finals(replay(every(1600), [True])) == finals(events)


@given(is_model_free=st.lists(st.booleans(), min_size=1, max_size=30).filter(any))
@settings(max_examples=40)
def test_stable_text_only_grows_and_times_never_go_back(is_model_free: list[bool]) -> None:
    events = replay(every(800), is_model_free)

    for one, next_one in pairwise(e for e in events if isinstance(e, Partial)):
        if one.utterance_id == next_one.utterance_id:
            assert next_one.stable.startswith(one.stable)
            assert next_one.end_s >= one.end_s
        else:
            assert next_one.utterance_id > one.utterance_id


def test_the_last_word_of_a_stream_is_heard() -> None:
    audio = speech([11, 12])[:-PAUSE_SAMPLES]

    assert ["11 12"] == [final.text for final in finals(replay([AudioChunk(audio, 0)], [True]))]


def test_partials_come_while_somebody_speaks() -> None:
    events = replay(cut(speech([11, 12, 13, 14]), lambda: 800), [True])

    partials = [event for event in events if isinstance(event, Partial)]
    assert len(partials) >= 4
    assert partials[0].stable == ""
    assert any(partial.stable.startswith("11") for partial in partials)
    assert isinstance(events[0], SpeechStarted)


def test_no_partials_where_none_are_wanted() -> None:
    events = replay(every(800), [True], StreamingOptions(partials=False))

    assert not [event for event in events if isinstance(event, Partial)]
    assert finals(replay(every(800), [True])) == finals(events)


@pytest.mark.parametrize("most", [2, 3, 100])
def test_finals_that_wait_are_decoded_together(most: int) -> None:
    """The model comes late: whatever has been said by then goes to it at once, and comes out as it would one by one."""
    is_model_free = [False] * 40 + [True]

    options = StreamingOptions(final_lead_in_s=0.0)
    assert finals(replay(every(1600), [True])) == finals(replay(every(1600), is_model_free, options, most))


def test_jobs_together_are_finals_of_the_oldest() -> None:
    transcriber, model = Transcriber(LoudnessDetector(), StreamingOptions(final_lead_in_s=0.0)), ReadingModel()
    transcriber.receive_audio(AudioChunk(speech([11, LONG_PAUSE, 12, LONG_PAUSE, 13, LONG_PAUSE, 14]), 0))
    jobs = transcriber.next_jobs(2)

    assert [(1, True), (2, True)] == [(job.utterance_id, job.is_final) for job in jobs]
    assert [] == transcriber.next_jobs(2)
    model.answer(transcriber, jobs)
    assert ["11", "12"] == [final.text for final in finals(transcriber.events())]


def test_the_final_is_decoded_while_the_hangover_runs() -> None:
    transcriber, model = Transcriber(LoudnessDetector()), ReadingModel()
    for chunk in cut(np.concatenate([speech([11, 12]), np.zeros(16_000, np.int16)]), lambda: 480):
        transcriber.receive_audio(chunk)
        model.answer(transcriber, transcriber.next_jobs())
        if finals(transcriber.events()):
            break

    assert model.jobs[-1].is_final
    hangover_ends = PAUSE_SAMPLES + 2 * (WORD_SAMPLES + PAUSE_SAMPLES) - PAUSE_SAMPLES + 9600
    assert hangover_ends <= chunk.end_sample < hangover_ends + 1000
    assert model.jobs[-1].end_sample < chunk.end_sample - 4800


def test_a_pause_that_ends_takes_the_early_final_back() -> None:
    audio = np.concatenate([speech([11]), np.zeros(4000, np.int16), speech([12])])

    assert ["11 12"] == [final.text for final in finals(replay(cut(audio, lambda: 480), [True]))]


def test_jobs_carry_the_previous_hypothesis_stable_words_as_prefix() -> None:
    transcriber, model = Transcriber(LoudnessDetector()), ReadingModel()
    given = []
    for chunk in cut(speech([11, 12, 13]), lambda: 1600):
        transcriber.receive_audio(chunk)
        jobs = transcriber.next_jobs()
        given += [(job.prefix, job.draft) for job in jobs]
        model.answer(transcriber, jobs)

    assert given[0] == ((), ())
    assert ((), (11,)) in given
    assert ((11,), (12,)) in given
    assert ((11, 12), (13,)) in given


def test_lost_audio_is_reported_and_costs_nothing_else() -> None:
    first, second = speech([11, 12]), speech([13])
    lost_to = len(first) + 48_000

    events = replay([AudioChunk(first, 0), AudioChunk(second, lost_to)], [False, True])

    assert [AudioDropped(len(first) / 16_000, lost_to / 16_000)] == [e for e in events if isinstance(e, AudioDropped)]
    assert ["11 12", "13"] == [final.text for final in finals(events)]


@pytest.mark.slow
def test_an_hour_in_one_chunk_loses_nothing() -> None:
    words = [10 + i % 200 for i in range(1000)]
    talk = [item for word in words for item in (word, word, LONG_PAUSE)]

    events = replay([AudioChunk(speech(talk), 0)], [True])

    assert [f"{word} {word}" for word in words] == [final.text for final in finals(events)]


@pytest.mark.slow
def test_the_state_after_an_hour_is_as_small_as_after_five_minutes() -> None:
    transcriber, model = Transcriber(LoudnessDetector()), ReadingModel()
    minute = speech([11, 12, 13, LONG_PAUSE] * 26)[: 60 * 16_000]
    sizes = {}
    tracemalloc.start()
    for n in range(60):
        for chunk in cut(minute, lambda: 16_000):
            transcriber.receive_audio(AudioChunk(chunk.samples, n * len(minute) + chunk.start_sample))
            while jobs := transcriber.next_jobs():
                model.answer(transcriber, jobs)
            transcriber.events()
        model.jobs.clear()
        gc.collect()  # empties what the interpreter keeps for the next tuples, too
        sizes[n] = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert sizes[59] < sizes[4] + 200_000


def test_a_long_utterance_is_cut_without_losing_or_doubling_a_word() -> None:
    words = [10 + i for i in range(60)]
    options = StreamingOptions(gate=GateOptions(longest_s=5.0, cut_within_s=2.0))

    events = replay(cut(speech(words), lambda: 1600), [True], options)

    assert words == [int(word) for final in finals(events) for word in final.text.split()]
    assert all(final.end_s - final.start_s <= 5.0 for final in finals(events))


def test_an_utterance_without_words_is_discarded() -> None:
    transcriber = Transcriber(LoudnessDetector())
    transcriber.receive_audio(AudioChunk(speech([11]), 0))
    transcriber.receive_eof()
    (job,) = transcriber.next_jobs()
    transcriber.receive_hypothesis(job, hypothesis([]))

    assert [(1, "no words were heard")] == [
        (e.utterance_id, e.reason) for e in transcriber.events() if isinstance(e, Discarded)
    ]


def test_an_utterance_the_model_doubts_is_discarded() -> None:
    transcriber = Transcriber(LoudnessDetector())
    transcriber.receive_audio(AudioChunk(speech([11]), 0))
    transcriber.receive_eof()
    (job,) = transcriber.next_jobs()
    transcriber.receive_hypothesis(job, hypothesis([11], logprob=-1.5, no_speech_prob=0.9))

    assert not finals(transcriber.events())
    assert transcriber.is_finished


def test_speech_that_waits_for_the_model_stops_the_reading() -> None:
    transcriber = Transcriber(LoudnessDetector(), StreamingOptions(backlog_s=30.0))
    audio = speech([11, 12, 13, LONG_PAUSE] * 20)

    assert transcriber.wants_audio
    transcriber.receive_audio(AudioChunk(audio, 0))
    assert not transcriber.wants_audio


def test_an_outcome_nobody_asked_for_is_refused() -> None:
    transcriber = Transcriber(LoudnessDetector())
    transcriber.receive_audio(AudioChunk(speech([11]), 0))
    transcriber.receive_eof()
    (job,) = transcriber.next_jobs()
    transcriber.receive_hypothesis(job, hypothesis([11]))

    with pytest.raises(ValueError, match="not a job that was asked for"):
        transcriber.receive_hypothesis(job, hypothesis([11]))


def test_level_and_clock_follow_the_audio() -> None:
    transcriber = Transcriber(LoudnessDetector())
    assert transcriber.level_dbfs == -np.inf
    transcriber.receive_audio(AudioChunk(np.full(16_000, 3276, np.int16), 0))

    assert transcriber.now_s == 1.0
    assert transcriber.level_dbfs == pytest.approx(-20.0, abs=0.01)
    assert transcriber.is_speech


def failing_in_pauses(n_finals: int) -> tuple[list[str], list[bool]]:
    """A model that fails over partials and over the first ``n_finals`` finals, of a talk with a short pause in it."""
    model, transcriber = ReadingModel(), Transcriber(LoudnessDetector(), StreamingOptions())
    audio = np.concatenate([speech([11]), np.zeros(3_200, np.int16), speech([12, LONG_PAUSE])])
    events: list[Event] = []
    for chunk in cut(audio, lambda: 1600):
        transcriber.receive_audio(chunk)
        while jobs := transcriber.next_jobs():
            if not jobs[0].is_final or n_finals > 0:
                n_finals -= jobs[0].is_final
                transcriber.receive_failure(jobs[0], "no memory")
            else:
                model.answer(transcriber, jobs)
        events += transcriber.events()
    texts = [event.text for event in events if isinstance(event, Final)]
    return texts, [event.is_lost for event in events if isinstance(event, DecodeFailed)]


@pytest.mark.parametrize("n_finals", [1, 2])
def test_what_fails_in_a_pause_is_tried_again_when_that_is_the_end(n_finals: int) -> None:
    texts, lost = failing_in_pauses(n_finals)

    assert ["11 12"] == texts
    assert not any(lost)


def test_a_final_that_fails_twice_is_lost_once() -> None:
    texts, lost = failing_in_pauses(3)

    assert [] == texts
    assert 1 == sum(lost)
