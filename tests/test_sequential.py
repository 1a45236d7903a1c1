"""A recording heard window after window: every window begins where the text of the one before ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import cycle, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.alignment import WordTiming
from engine.events import AudioDropped, DecodeJob, Event, Final, Hypothesis, SpeechStarted
from engine.options import DecodingOptions, StreamingOptions
from engine.segments import Segment
from engine.sequential import SequentialTranscriber
from stream.audio import AudioChunk, seconds

SEQUENTIAL = StreamingOptions(sequential=True, partials=False)
RATE = 16_000
Answer = Callable[[DecodeJob], Hypothesis]


def segment(start_s: float, end_s: float, text: str, token: int = 7, temperature: float = 0.0) -> Segment:
    return Segment(
        start_s=start_s,
        end_s=end_s,
        text=text,
        tokens=(token,),
        temperature=temperature,
        avg_logprob=-0.2,
        compression_ratio=1.0,
        no_speech_prob=0.0,
    )


def heard(*segments: Segment, heard_s: float = math.inf, no_speech_prob: float = 0.0, **more: object) -> Hypothesis:
    return Hypothesis((), no_speech_prob, -0.2, segments=segments, heard_s=heard_s, **more)  # type: ignore[arg-type]


def hear(
    duration_s: float, answers: Sequence[Hypothesis | Answer], options: StreamingOptions = SEQUENTIAL
) -> tuple[list[DecodeJob], list[Event]]:
    """Hear ``duration_s`` seconds of numbered samples; the answers come in turn, the last one for ever."""
    samples = np.arange(round(duration_s * RATE)).astype(np.int16)
    transcriber, jobs = SequentialTranscriber(options), []
    transcriber.receive_audio(AudioChunk(samples, 0))
    transcriber.receive_eof()
    while not transcriber.is_finished:
        (job,) = transcriber.next_jobs(8)
        answer = answers[min(len(jobs), len(answers) - 1)]
        jobs.append(job)
        transcriber.receive_hypothesis(job, answer if isinstance(answer, Hypothesis) else answer(job))
    return jobs, transcriber.events()


def spans(jobs: Sequence[DecodeJob]) -> list[tuple[float, float]]:
    return [(seconds(job.start_sample), seconds(job.end_sample)) for job in jobs]


def finals(events: Sequence[Event]) -> list[Final]:
    return [event for event in events if isinstance(event, Final)]


def test_a_window_begins_where_the_text_before_ends() -> None:
    jobs, events = hear(70.0, [heard(segment(0, 12.5, "one"), heard_s=12.5), heard(segment(1, 30, "two"))])

    assert [(0.0, 30.0), (12.5, 42.5), (42.5, 70.0)] == spans(jobs)
    assert [("one", 0.0, 12.5), ("two", 13.5, 42.5), ("two", 43.5, 72.5)] == [
        (final.text, final.start_s, final.end_s) for final in finals(events)
    ]
    assert all(job.options.timestamps and job.is_final and job.context_s == 30.0 for job in jobs)
    assert np.array_equal(jobs[1].audio, np.arange(200_000, 680_000).astype(np.int16))


def test_each_segment_is_an_utterance() -> None:
    _, events = hear(20.0, [heard(segment(0, 2, "one"), segment(2, 4, "two"), language_prob=0.75, language="de")])

    starts = [(event.utterance_id, event.start_s) for event in events if isinstance(event, SpeechStarted)]
    assert [(1, 0.0), (2, 2.0)] == starts
    assert [1, 2] == [final.utterance_id for final in finals(events)]
    assert [("de", 0.75)] * 2 == [(final.language, final.language_prob) for final in finals(events)]
    assert segment(2, 4, "two") == finals(events)[1].segments[0]


def test_nothing_is_asked_before_a_window_is_whole() -> None:
    transcriber = SequentialTranscriber(SEQUENTIAL)
    transcriber.receive_audio(AudioChunk(np.zeros(30 * RATE - 1, np.int16), 0))
    assert [] == transcriber.next_jobs()

    transcriber.receive_audio(AudioChunk(np.zeros(1, np.int16), 30 * RATE - 1))
    assert [(0.0, 30.0)] == spans(transcriber.next_jobs())
    assert [] == transcriber.next_jobs()


def test_a_window_knows_the_text_before() -> None:
    words = [heard(segment(0, 30, "one", token=1)), heard(segment(0, 30, "two", token=2))]

    jobs, _ = hear(90.0, words)
    assert [(), (1,), (1, 2)] == [job.previous for job in jobs]

    jobs, _ = hear(90.0, words, StreamingOptions(sequential=True, condition_on_previous_text=False))
    assert [(), (), ()] == [job.previous for job in jobs]


def test_an_unsteady_text_is_not_gone_on_from() -> None:
    jobs, _ = hear(
        120.0,
        [heard(segment(0, 30, "one", token=1, temperature=t)) for t in (0.0, 0.6, 0.4)],
    )

    assert [(), (1,), (), (1,)] == [job.previous for job in jobs]


def test_what_is_remembered_of_the_text_before_does_not_grow() -> None:
    long = segment(0, 30, "one")
    jobs, _ = hear(90.0, [heard(Segment(**{**fields(long), "tokens": tuple(range(400))}))])

    assert 448 == len(jobs[2].previous)
    assert 399 == jobs[2].previous[-1]


def fields(one: Segment) -> dict[str, object]:
    return {name: getattr(one, name) for name in Segment.__dataclass_fields__}


def test_the_language_of_the_first_words_is_kept() -> None:
    silence = heard(language="en", language_prob=0.3)
    german = heard(segment(0, 30, "eins"), language="de", language_prob=0.9)

    jobs, events = hear(120.0, [silence, german, german])

    assert [None, None, "de", "de"] == [job.options.language for job in jobs]
    assert [0.9] * 3 == [final.language_prob for final in finals(events)]


def test_only_the_first_window_has_the_prefix() -> None:
    options = StreamingOptions(sequential=True, decoding=DecodingOptions(prefix="Hello"))

    jobs, _ = hear(60.0, [heard()], options)

    assert ["Hello", ""] == [job.options.prefix for job in jobs]


@pytest.mark.parametrize(
    ("limit", "logprob_limit", "texts"),
    [(0.6, -1.0, ["one"]), (0.6, -0.1, []), (0.6, None, []), (0.95, -0.1, ["one"]), (None, None, ["one"])],
)
def test_silence_is_skipped(limit: float | None, logprob_limit: float | None, texts: list[str]) -> None:
    decoding = DecodingOptions(no_speech_limit=limit, logprob_limit=logprob_limit)
    answer = heard(segment(0, 5, "one"), heard_s=5.0, no_speech_prob=0.9)

    jobs, events = hear(10.0, [answer, heard()], StreamingOptions(sequential=True, decoding=decoding))

    assert texts == [final.text for final in finals(events)]
    assert len(jobs) == 1 + len(texts)


def test_what_was_begun_is_heard_again() -> None:
    answer = heard(segment(0, 20, "one"), heard_s=20.0, rest=segment(20, 30, "tw"))

    _, events = hear(40.0, [answer, heard(segment(0, 10, "two"))])

    assert ["one", "two"] == [final.text for final in finals(events)]


def test_a_text_that_gets_nowhere_is_taken_as_it_is() -> None:
    answer = heard(heard_s=0.02, rest=segment(0.02, 30, "one"))

    jobs, events = hear(30.0, [answer])

    assert [(0.0, 30.0)] == spans(jobs)
    assert ["one"] == [final.text for final in finals(events)]


def test_nothing_is_said_in_no_time() -> None:
    jobs, events = hear(60.0, [heard(segment(3, 3, "one")), heard()])

    assert not finals(events)
    assert () == jobs[1].previous


def test_words_go_with_their_segments() -> None:
    words = (WordTiming(" one", 0.5, 0.9, 0.8), WordTiming(" two", 2.0, 2.4, 0.7), WordTiming(" three", 4.0, 4.4, 0.6))
    answer = heard(segment(0, 1, "one"), segment(2, 3, "two"), heard_s=2.4, words=words, rest=segment(3, 9, "three"))

    _, events = hear(32.0, [answer, heard()])

    assert [[" one"], [" two"]] == [[word.text for word in final.words] for final in finals(events)]


def test_lost_audio_is_silence_and_reported() -> None:
    transcriber = SequentialTranscriber(SEQUENTIAL)
    transcriber.receive_audio(AudioChunk(np.full(RATE, 9, np.int16), 0))
    transcriber.receive_audio(AudioChunk(np.full(RATE, 8, np.int16), 3 * RATE))
    transcriber.receive_eof()
    (job,) = transcriber.next_jobs()

    assert [AudioDropped(1.0, 3.0)] == transcriber.events()
    assert [9, 0, 0, 8] == job.audio[::RATE].tolist()


def test_so_little_audio_holds_no_word() -> None:
    assert ([], []) == hear(0.19, [heard(segment(0, 0.1, "you"))])


def test_audio_that_waits_stops_the_reading() -> None:
    transcriber = SequentialTranscriber(SEQUENTIAL)
    transcriber.receive_audio(AudioChunk(np.zeros(119 * RATE, np.int16), 0))
    assert transcriber.wants_audio
    transcriber.receive_audio(AudioChunk(np.zeros(2 * RATE, np.int16), 119 * RATE))

    assert not transcriber.wants_audio
    assert transcriber.lag_s == transcriber.now_s == 121.0


def test_an_outcome_nobody_asked_for_is_refused() -> None:
    transcriber = SequentialTranscriber(SEQUENTIAL)
    transcriber.receive_audio(AudioChunk(np.zeros(31 * RATE, np.int16), 0))
    (job,) = transcriber.next_jobs()
    transcriber.receive_hypothesis(job, heard())

    with pytest.raises(ValueError, match="not the job that was asked for: from sample 0"):
        transcriber.receive_hypothesis(job, heard())


@given(
    heard_s=st.lists(st.floats(0.0, 40.0), min_size=1, max_size=10),
    sizes=st.lists(st.integers(1000, 500_000), min_size=1, max_size=10),
)
@settings(max_examples=10)
def test_every_sample_is_heard_however_it_comes(heard_s: list[float], sizes: list[int]) -> None:
    """Windows follow each other without a gap, in any chunks, and the same ones."""
    samples = np.arange(100 * RATE).astype(np.int16)
    turns, answers = cycle(sizes), cycle(heard_s)
    transcriber, jobs, at = SequentialTranscriber(SEQUENTIAL), [], 0
    while not transcriber.is_finished:
        if at < len(samples):
            chunk = samples[at : at + next(turns)]
            transcriber.receive_audio(AudioChunk(chunk, at))
            at += len(chunk)
        else:
            transcriber.receive_eof()
        for job in transcriber.next_jobs():
            jobs.append((job, until := next(answers)))
            transcriber.receive_hypothesis(job, heard(segment(0, 1, "one"), heard_s=until))

    assert all(np.array_equal(job.audio, samples[job.start_sample : job.end_sample]) for job, _ in jobs)
    for (job, until), (following, _) in pairwise(jobs):
        assert len(job.audio) == 30 * RATE or job.end_sample == len(samples)
        assert following.start_sample == job.start_sample + round(min(max(until, 0.2), len(job.audio) / RATE) * RATE)
    last, until = jobs[-1]
    assert last.start_sample + round(min(max(until, 0.2) * RATE, len(last.audio))) > len(samples) - 0.2 * RATE
