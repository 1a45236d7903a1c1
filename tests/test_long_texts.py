"""Texts longer than the room they were given: none of what was said is left out."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from speech import read_clip
from test_model import words_of

from engine.alignment import WordTiming
from engine.decoding import DecodedText
from engine.events import DecodeJob, Final, LeadIn
from engine.long_texts import broken_off, continued, goes_on, joined, quietest_sample
from engine.model import WhisperModel
from engine.options import FOR_RECORDINGS, DecodingOptions
from engine.pipeline import transcribe
from engine.recognition import Recognized
from stream.file import FileSource
from ui.scoring.words import word_errors

CLIP = "long/en_read_moonshine-two-cities.flac"


def recognized(ids: tuple[int, ...], *, is_cut: bool, **more: Any) -> Recognized:
    logprobs = tuple(-0.1 * i for i in range(len(ids) + (not is_cut)))
    return Recognized(DecodedText(ids, logprobs, 0.1, is_cut=is_cut), "ml", 1.0, 0.0, 1.0, **more)


@pytest.mark.parametrize(
    ("ids", "is_cut", "expected"),
    [
        (tuple(range(224)), True, True),
        (tuple(range(224)), False, False),
        ((*range(100), *([7] * 20)), True, False),
        ((*range(100), *range(50)), True, True),
    ],
    ids=["cut", "ended", "a loop", "something said twice"],
)
def test_a_text_goes_on_that_filled_its_room_with_words(ids: tuple[int, ...], is_cut: bool, expected: bool) -> None:
    assert expected == goes_on(recognized(ids, is_cut=is_cut))


def test_what_was_drawn_is_not_heard_with_more_room() -> None:
    assert not goes_on(replace(recognized(tuple(range(224)), is_cut=True), temperature=0.2))


def test_audio_is_halved_where_it_is_quiet() -> None:
    audio = np.full(160_000, 3000, np.int16)
    audio[90_000:93_200] = 10
    audio[20_000:30_000] = 0  # not in the middle

    assert 90_000 <= quietest_sample(audio) < 93_200


def test_halves_are_one_text() -> None:
    one = replace(recognized((1, 2), is_cut=True, attended_s=(0.5, 1.0)), temperature=0.2)
    other = recognized((3,), is_cut=False, attended_s=(0.25,))
    both = joined(one, other, 32_000)

    assert ((1, 2, 3), (-0.0, -0.1, -0.0, -0.1)) == (both.decoded.ids, both.decoded.logprobs)
    assert ((0.5, 1.0, 2.25), 0.2, False) == (both.attended_s, both.temperature, both.decoded.is_cut)


T = 50_363
"""<|0.00|>; each that follows is 0.02 s later."""


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([T, 7, 8, T + 100, T + 100], (4, 2.0)),
        ([T, 7, T + 50, T + 60, 8, 9], (3, 1.0)),
        ([T, 7, T + 50, T + 60, 8, T + 500], None),
        ([T, 7, T + 490, T + 490], None),
        ([T, 7, T + 10, T + 10], None),
        ([T, 7, 8], None),
        ([], None),
    ],
    ids=["at a time", "within words", "it does not", "at the very end", "at the very start", "no time", "no text"],
)
def test_where_a_text_breaks_off(ids: list[int], expected: tuple[int, float] | None) -> None:
    assert expected == broken_off(ids, T, 10.0)


def test_what_is_heard_on_has_the_times_of_the_whole() -> None:
    one = recognized(
        (T, 7, T + 50, T + 60, 8), is_cut=False, words=(WordTiming(" a", 0, 1, 1), WordTiming(" b", 1.2, 2, 1))
    )
    other = recognized((T + 5, 9, T + 20), is_cut=False, words=(WordTiming(" b", 0.1, 0.4, 1),))
    both = continued(one, 3, 1.0, other, T)

    assert (T, 7, T + 50, T + 55, 9, T + 70) == both.decoded.ids
    assert [(" a", 0), (" b", 1.1)] == [(word.text, word.start_s) for word in both.words]
    assert len(both.decoded.logprobs) == 7


@pytest.mark.max
@pytest.mark.weights
def test_segments_hold_all_that_is_said(model: WhisperModel, audio_folder: Path) -> None:
    """As verbose_json wants them; where Whisper broke off, names and a clause were missing."""
    options = replace(FOR_RECORDINGS, decoding=replace(FOR_RECORDINGS.decoding, timestamps=True))
    source = FileSource(audio_folder / "long/en_talk_bush-columbia-address-2003-02-01.flac")

    async def listen() -> list[Final]:
        return [timed.event async for timed in transcribe(source, model, options) if isinstance(timed.event, Final)]

    finals = asyncio.run(listen())
    segments = [segment for final in finals for segment in final.segments]
    assert "a colonel in the Israeli Air Force" in " ".join(segment.text for segment in segments)
    assert all(one.end_s <= other.start_s + 0.1 for one, other in pairwise(segments))


@pytest.mark.max
@pytest.mark.weights
def test_what_does_not_fit_is_heard_with_more_room(model: WhisperModel, audio_folder: Path) -> None:
    audio = read_clip(audio_folder / CLIP)[: 20 * 16_000]
    usual, tight = (
        model.decode([DecodeJob(1, audio, 0, is_final=False, options=options)])[0]
        for options in (DecodingOptions(), DecodingOptions(max_tokens=12))
    )

    assert [token.id for token in usual.tokens] == [token.id for token in tight.tokens]
    assert len(usual.tokens) > 40


@pytest.mark.max
@pytest.mark.weights
def test_what_fits_nowhere_is_heard_by_halves(
    model: WhisperModel, audio_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = read_clip(audio_folder / CLIP)[: 20 * 16_000]
    (usual,) = model.decode([DecodeJob(1, audio, 0, is_final=True)])
    monkeypatch.setattr("engine.long_texts.room_for_text", lambda *_: 30)
    before = read_clip(audio_folder / "short/en_talk_jfk-inaugural-excerpt.flac")[-48_000:]
    lead_in = LeadIn(len(before), (764, 13), "en")
    options = DecodingOptions(max_tokens=12, words=model.networks.can_align)
    job = DecodeJob(1, np.concatenate([before, audio]), 0, True, options, lead_in=lead_in, wants_attention=True)
    (halved,) = model.decode([job])

    assert word_errors(" ".join(words_of(usual)), " ".join(words_of(halved))).wer <= 0.1
    assert len(halved.tokens) > 40
    times = [word.start_s for word in halved.words]
    assert times == sorted(times)
