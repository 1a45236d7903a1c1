"""The lead-in: an utterance is heard with what was said just before it, as far as that fits and belongs to it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from fakes import LONG_PAUSE, LoudnessDetector, cut, hypothesis, own_audio, read_words, speech

from engine.events import DecodeJob, Discarded, Event, Final, Hypothesis
from engine.options import DecodingOptions, StreamingOptions
from engine.transcriber import Transcriber
from stream.audio import AudioChunk
from stream.gate import PROFILES, GateOptions


class Listener:
    """A stream and a model that reads numbers; ``hear`` answers a job."""

    def __init__(self, options: StreamingOptions | None = None) -> None:
        self.transcriber = Transcriber(LoudnessDetector(), options)
        self.finals: list[DecodeJob] = []
        self.partials: list[DecodeJob] = []
        self.events: list[Event] = []

    def hear(self, job: DecodeJob) -> Hypothesis:
        return hypothesis(read_words(own_audio(job)))

    def listen(self, audio: np.ndarray, start: int = 0, chunk_samples: int = 1600) -> None:
        for chunk in cut(audio, lambda: chunk_samples):
            self.transcriber.receive_audio(AudioChunk(chunk.samples, start + chunk.start_sample))
            self.answer()

    def answer(self) -> None:
        while jobs := self.transcriber.next_jobs():
            for job in jobs:
                (self.finals if job.is_final else self.partials).append(job)
                self.transcriber.receive_hypothesis(job, self.hear(job))
        self.events += self.transcriber.events()

    def end(self) -> list[str]:
        self.transcriber.receive_eof()
        self.answer()
        return [event.text for event in self.events if isinstance(event, Final)]


def test_what_was_said_before_is_heard_again_with_its_words() -> None:
    listener = Listener()
    listener.listen(speech([11, 12, LONG_PAUSE, 13, LONG_PAUSE, 14]))

    assert ["11 12", "13", "14"] == listener.end()
    assert [(), (11, 12), (11, 12, 13)] == [job.lead_in.ids for job in listener.finals]
    assert listener.finals[-1].start_sample < 4800


def test_it_reaches_back_as_far_as_there_is_room() -> None:
    listener = Listener(StreamingOptions(final_lead_in_s=4.0))
    listener.listen(speech([word for i in range(8) for word in (11 + i, LONG_PAUSE)]))
    listener.end()

    assert all(len(job.audio) <= 4 * 16_000 for job in listener.finals)
    assert 1 <= len(listener.finals[-1].lead_in.ids) <= 3


@pytest.mark.parametrize(("busy_s", "longest_s", "context_s"), [(0.0, 18.0, 20.0), (0.3, 18.0, 20.0), (0.7, 9.0, 10.0)])
def test_partials_reach_back_less_far_while_the_model_does_not_keep_up(
    busy_s: float, longest_s: float, context_s: float
) -> None:
    """The model is free again after ``busy_s``; a partial is asked for each 0.2 s."""
    listener, partials, free_at = Listener(), [], 0.0
    for chunk in cut(speech([11, 12, 13, 14, 15, LONG_PAUSE] * 15), lambda: 800):
        listener.transcriber.receive_audio(chunk)
        for job in listener.transcriber.next_jobs() if chunk.end_sample / 16_000 >= free_at else []:
            partials += [job] if not job.is_final else []
            listener.transcriber.receive_hypothesis(job, listener.hear(job))
            free_at = chunk.end_sample / 16_000 + busy_s

    later = [job for before, job in pairwise(partials) if before.utterance_id == job.utterance_id > 7]
    assert longest_s - 4 < max(len(job.audio) / 16_000 for job in later) <= longest_s
    assert {context_s} == {job.context_s for job in later}


@pytest.mark.parametrize("chunk_samples", [480, 1_600, 6_400, 16_000])
@pytest.mark.parametrize("profile", ["balanced", "patient"])
def test_no_partial_is_late_where_the_model_is_always_free(profile: str, chunk_samples: int) -> None:
    """Nor the first of an utterance, which begins before it is known to be one, nor the first behind a pause in it."""
    listener = Listener(StreamingOptions(gate=PROFILES[profile]))
    listener.listen(speech([11, 12, 13, 14, LONG_PAUSE] * 3), chunk_samples=chunk_samples)

    assert {20.0} == {job.context_s for job in listener.partials}


@pytest.mark.parametrize(("longest_s", "chunk_samples"), [(5.0, 20_000), (28.0, 6_400)])
def test_what_was_said_before_does_not_depend_on_chunks(longest_s: float, chunk_samples: int) -> None:
    words = [word for i in range(40) for word in (*range(11, 12 + i % 7), LONG_PAUSE)]
    heard = []
    for n in (480, chunk_samples):
        listener = Listener(StreamingOptions(gate=GateOptions(longest_s=longest_s)))
        listener.listen(speech(words), chunk_samples=n)
        listener.end()
        heard.append({job.utterance_id: (job.start_sample, job.lead_in.ids) for job in listener.finals})

    assert heard[0] == heard[1]
    assert 20 < max(len(ids) for _, ids in heard[0].values())


def test_it_leaves_room_for_the_words_of_a_language_that_takes_many_tokens() -> None:
    """As Hindi does: 14 a second."""

    class Hindi(Listener):
        def hear(self, job: DecodeJob) -> Hypothesis:
            return hypothesis([7] * round(14 * (len(job.audio) - job.lead_in.n_samples) / 16_000))

    listener = Hindi()
    listener.listen(speech([*range(11, 22), LONG_PAUSE] * 5))
    listener.end()

    assert any(job.lead_in.ids for job in listener.finals)
    for job in listener.finals:
        own = 14 * (len(job.audio) - job.lead_in.n_samples) / 16_000
        assert len(job.lead_in.ids) + own <= 220


@pytest.mark.parametrize("why", ["silence between them was lost", "none is wanted"])
def test_there_is_none(why: str) -> None:
    listener = Listener(StreamingOptions(final_lead_in_s=0.0 if why == "none is wanted" else 28.0))
    first = speech([11, LONG_PAUSE])
    listener.listen(first)
    listener.listen(speech([12]), len(first) + (48_000 if why == "silence between them was lost" else 0))

    assert ["11", "12"] == listener.end()
    assert [(), ()] == [job.lead_in.ids for job in listener.finals]


def test_behind_what_was_no_speech_there_is_none() -> None:
    class Doubter(Listener):
        def hear(self, job: DecodeJob) -> Hypothesis:
            words = read_words(own_audio(job))
            return hypothesis(words, -0.9, 0.9) if words == [12] and not job.lead_in.ids else hypothesis(words, -0.7)

    listener = Doubter()
    listener.listen(speech([11, LONG_PAUSE, 12, LONG_PAUSE, 13]))

    assert ["11", "13"] == listener.end()
    assert [2] == [event.utterance_id for event in listener.events if isinstance(event, Discarded)]
    assert () == listener.finals[-1].lead_in.ids


def test_in_another_language_there_is_none_further_back() -> None:
    class Polyglot(Listener):
        def hear(self, job: DecodeJob) -> Hypothesis:
            words = read_words(own_audio(job))
            return replace(hypothesis(words), language="de" if words and words[0] < 13 else "en")

    listener = Polyglot()
    listener.listen(speech([11, LONG_PAUSE, 12, LONG_PAUSE, 13, LONG_PAUSE, 14]))
    listener.end()

    assert [((), ""), ((11,), "de"), ((11, 12), "de"), ((13,), "en")] == [
        (job.lead_in.ids, job.usual_language) for job in listener.finals
    ]


def test_in_another_language_partials_have_none_either_once_theirs_is_known() -> None:
    class Polyglot(Listener):
        def hear(self, job: DecodeJob) -> Hypothesis:
            is_german = any(word > 20 for word in read_words(own_audio(job)))
            return replace(hypothesis(read_words(own_audio(job))), language="de" if is_german else "en")

    listener = Polyglot()
    listener.listen(speech([11, 12, LONG_PAUSE, *range(21, 40)]))

    given = {(job.options.language, job.lead_in.ids) for job in listener.partials if job.utterance_id == 2}
    assert {(None, (11, 12)), ("de", ())} == given


def test_in_a_language_other_than_the_one_given_there_is_none() -> None:
    listener = Listener()
    listener.listen(speech([11, LONG_PAUSE]))
    listener.transcriber.configure(StreamingOptions(decoding=DecodingOptions(language="de")))
    listener.listen(speech([12, LONG_PAUSE]), round(16_000 * listener.transcriber.now_s))
    listener.end()

    assert [(None, ()), ("de", ())] == [(job.options.language, job.lead_in.ids) for job in listener.finals]


def test_nothing_heard_behind_a_lead_in_is_heard_once_more_without() -> None:
    class Satisfied(Listener):
        """Thinks that the lead-in was all."""

        def hear(self, job: DecodeJob) -> Hypothesis:
            return hypothesis([] if job.lead_in.ids and job.is_final else read_words(own_audio(job)))

    listener = Satisfied()
    listener.listen(speech([11, LONG_PAUSE, 12]))

    assert ["11", "12"] == listener.end()
    assert [(), (11,), ()] == [job.lead_in.ids for job in listener.finals]


def test_a_doubt_is_settled_by_the_utterance_alone_and_the_better_text_stays() -> None:
    class Unsure(Listener):
        def hear(self, job: DecodeJob) -> Hypothesis:
            words = read_words(own_audio(job))
            return hypothesis(words, -0.7) if job.lead_in.ids else hypothesis([99] if words == [12] else words)

    listener = Unsure()
    listener.listen(speech([11, LONG_PAUSE, 12]))

    assert ["11", "12"] == listener.end()
