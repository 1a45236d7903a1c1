"""Where another language begins in a pause, what is said from there on is an utterance of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, pairwise

import numpy as np
import pytest
from fakes import LONG_PAUSE, LoudnessDetector, ReadingModel, cut, hypothesis, read_words, speech
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import DecodeJob, Event, Final, Flushed, Hypothesis, SpeechStarted, SpeechStopped
from engine.language_changes import Phrase, by_language, may_be_foreign, phrases_between
from engine.options import FOR_RECORDINGS, StreamingOptions
from engine.transcriber import Transcriber
from stream.audio import AudioChunk

S = 16_000


class BilingualModel(ReadingModel):
    """Reads words below 200 as English and others as German, and ends where the language changes in a pause.

    It is as sure of them as it was told, and hears what it is not sure of in the usual language.
    """

    def __init__(self, language_prob: float = 1.0) -> None:
        super().__init__()
        self._language_prob = language_prob

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        self.jobs += jobs
        return [self._decode_one(job) for job in jobs]

    def _decode_one(self, job: DecodeJob) -> Hypothesis:
        assert all(0 <= start < end <= len(job.audio) for start, end in job.pauses)
        starts, ends = [0, *(end for _, end in job.pauses)], [*(start for start, _ in job.pauses), len(job.audio)]
        phrases = [Phrase(start, end, _language(job.audio[start:end])) for start, end in zip(starts, ends, strict=True)]
        runs = by_language(phrases)
        end = None if len(runs) == 1 else (runs[0].end + runs[1].start) // 2
        heard, language = hypothesis(read_words(job.audio[:end])), runs[0].language
        if self._language_prob < 0.8 and job.usual_language:
            language = job.usual_language
        return replace(heard, language=language, language_prob=self._language_prob, language_end=end)


def _language(audio: np.ndarray) -> str:
    words = read_words(audio)
    return "" if not words else "de" if words[0] >= 200 else "en"


def replay(talk: Sequence[int], sizes: Sequence[int] = (S,), model: ReadingModel | None = None) -> list[Event]:
    model = model or BilingualModel()
    transcriber, turns = Transcriber(LoudnessDetector(), FOR_RECORDINGS), cycle(sizes)
    for chunk in cut(speech(talk), lambda: next(turns)):
        transcriber.receive_audio(chunk)
        model.answer(transcriber, transcriber.next_jobs(3))
    transcriber.receive_eof()
    while jobs := transcriber.next_jobs(3):
        model.answer(transcriber, jobs)
    assert transcriber.is_finished
    return transcriber.events()


def said(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.language, event.text) for event in events if isinstance(event, Final)]


def test_an_utterance_ends_where_another_language_begins() -> None:
    talk = [11, LONG_PAUSE, 12, LONG_PAUSE, 211, 212, LONG_PAUSE, 13, LONG_PAUSE, LONG_PAUSE, LONG_PAUSE, 213]

    assert [("en", "11 12"), ("de", "211 212"), ("en", "13"), ("de", "213")] == said(replay(talk))


def test_each_part_is_announced_and_ended_once() -> None:
    events = replay([11, LONG_PAUSE, 211, LONG_PAUSE, 12, *[LONG_PAUSE] * 3, 13])
    finals = [event for event in events if isinstance(event, Final)]

    announced = {event.utterance_id: event.start_s for event in events if isinstance(event, SpeechStarted)}
    assert ["11", "211", "12", "13"] == [one.text for one in finals]
    assert {one.utterance_id: one.start_s for one in finals} == announced
    assert sorted(announced) == sorted(event.utterance_id for event in events if isinstance(event, SpeechStopped))
    assert finals[0].end_s == finals[1].start_s
    assert finals[1].end_s == finals[2].start_s


def test_one_that_is_cut_for_its_length_leaves_its_pauses_to_the_next() -> None:
    english = [11] * 58
    talk = [*english, LONG_PAUSE, 12, 12, 12, LONG_PAUSE, *[211] * 20]

    found = said(replay(talk))

    assert [("en", " ".join(["11"] * 58)), ("en", "12 12 12"), ("de", " ".join(["211"] * 20))] == found


WORDS = st.lists(st.sampled_from([11, 12, 211, 212, LONG_PAUSE]), min_size=1, max_size=40)


@given(talk=WORDS, sizes=st.lists(st.integers(160, 80_000), min_size=1, max_size=9))
@settings(max_examples=60)
def test_no_word_is_lost_or_doubled_however_the_sound_comes(talk: list[int], sizes: list[int]) -> None:
    events = replay(talk, sizes)

    words = [int(word) for _, text in said(events) for word in text.split()]
    assert [word for word in talk if word != LONG_PAUSE] == words
    assert said(replay(talk)) == said(events)
    finals = [event for event in events if isinstance(event, Final)]
    assert all(one.end_s <= other.start_s for one, other in pairwise(finals))


def test_a_flush_is_told_behind_what_was_cut_off() -> None:
    transcriber, model = Transcriber(LoudnessDetector(), FOR_RECORDINGS), BilingualModel()
    transcriber.receive_audio(AudioChunk(speech([11, LONG_PAUSE, 211]), 0))
    transcriber.flush("now")
    while jobs := transcriber.next_jobs():
        model.answer(transcriber, jobs)

    *_, final, flushed = transcriber.events()
    assert isinstance(final, Final)
    assert "211" == final.text
    assert isinstance(flushed, Flushed)


def test_nothing_is_late_in_a_pause_in_which_no_final_is_tried() -> None:
    transcriber = Transcriber(LoudnessDetector(), FOR_RECORDINGS)
    transcriber.receive_audio(AudioChunk(speech([11, LONG_PAUSE]), 0))

    assert transcriber.is_speech
    assert not transcriber.has_due
    assert 0.0 == transcriber.late_s


def test_live_utterances_are_not_cut() -> None:
    transcriber, model = Transcriber(LoudnessDetector(), StreamingOptions(partials=False)), BilingualModel()
    transcriber.receive_audio(AudioChunk(speech([11, 211]), 0))
    transcriber.receive_eof()
    model.answer(transcriber, transcriber.next_jobs())

    assert [("en", "11 211")] == said(transcriber.events())
    assert () == model.jobs[-1].pauses


def test_what_is_not_clear_is_heard_again_as_what_was_spoken_before_it() -> None:
    talk = [11, *[LONG_PAUSE] * 3, 211, *[LONG_PAUSE] * 3, 212]

    all_at_once = [len(speech(talk))]
    assert [("en", "11"), ("de", "211"), ("de", "212")] == said(replay(talk, all_at_once))
    for sizes in (all_at_once, [1_600]):
        unsure = BilingualModel(language_prob=0.5)
        assert [("en", "11"), ("en", "211"), ("en", "212")] == said(replay(talk, sizes, unsure))
        assert len(unsure.jobs) <= 5


@pytest.mark.parametrize(
    ("pauses", "expected"),
    [
        ([], [(0, 10)]),
        ([(4, 5)], [(0, 4), (5, 10)]),
        ([(4, 4.05)], [(0, 10)]),
        ([(4, 5), (5.5, 5.7)], [(0, 4), (5, 10)]),
        ([(4, 5), (5.5, 7)], [(0, 5.5), (7, 10)]),
        ([(0.5, 3)], [(0, 10)]),
    ],
    ids=["none", "one", "a breath", "short, nearer to the next", "short, nearer to the one before", "short at first"],
)
def test_phrases_are_at_least_a_second_long(
    pauses: list[tuple[float, float]], expected: list[tuple[float, float]]
) -> None:
    found = phrases_between([(round(S * start), round(S * end)) for start, end in pauses], 10 * S)

    assert expected == [(phrase.start / S, phrase.end / S) for phrase in found]


def test_what_is_not_clear_goes_with_its_nearer_neighbour() -> None:
    de, unclear, en = Phrase(0, 10, "de", 0.9), Phrase(12, 20, "", 0.4), Phrase(21, 30, "en", 0.95)

    assert [de, Phrase(12, 30, "en", 0.95)] == by_language([de, unclear, en])
    assert [Phrase(0, 20, "de", 0.9), replace(en, start=29)] == by_language([de, unclear, replace(en, start=29)])
    assert [Phrase(0, 30, "de", 0.9)] == by_language([de, unclear, replace(en, language="de", language_prob=0.8)])
    assert [Phrase(0, 20)] == by_language([Phrase(0, 10), Phrase(11, 20)])


MANY = {f"l{n}": 0.0 for n in range(90)}


@pytest.mark.parametrize(
    ("chances", "language_prob", "is_suspect"),
    [
        (MANY | {"de": 0.5, "en": 0.3}, 0.9, False),
        (MANY | {"de": 0.5, "en": 0.04}, 0.9, True),
        (MANY | {"de": 0.5, "en": 0.3}, 0.5, True),
        (MANY | {"en": 0.04, "de": 0.03}, 0.9, False),
        ({"de": 0.6, "en": 0.4}, 0.9, True),
        ({"de": 0.4, "en": 0.6}, 0.9, False),
    ],
    ids=[
        "it may be",
        "unlike it",
        "nothing is clear",
        "like nothing, but that most",
        "unlike, of two",
        "like it, of two",
    ],
)
def test_what_may_be_foreign_is_heard_by_itself(
    chances: dict[str, float], language_prob: float, *, is_suspect: bool
) -> None:
    assert may_be_foreign(chances, "en", language_prob) is is_suspect
