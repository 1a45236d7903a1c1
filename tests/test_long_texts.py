"""Texts longer than the room they were given: none of what was said is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from speech import read_clip
from test_model import words_of

from engine.decoding import DecodedText
from engine.events import DecodeJob, LeadIn
from engine.long_texts import goes_on, joined, quietest_sample
from engine.model import WhisperModel
from engine.options import DecodingOptions
from engine.recognition import Recognized
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
    monkeypatch.setattr("engine.model.room_for_text", lambda *_: 30)
    before = read_clip(audio_folder / "short/en_talk_jfk-inaugural-excerpt.flac")[-48_000:]
    lead_in = LeadIn(len(before), (764, 13), "en")
    options = DecodingOptions(max_tokens=12, words=model.networks.can_align)
    job = DecodeJob(1, np.concatenate([before, audio]), 0, True, options, lead_in=lead_in, wants_attention=True)
    (halved,) = model.decode([job])

    assert word_errors(" ".join(words_of(usual)), " ".join(words_of(halved))).wer <= 0.1
    assert len(halved.tokens) > 40
    times = [word.start_s for word in halved.words]
    assert times == sorted(times)
