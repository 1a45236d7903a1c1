"""Texts that ended before the speech did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from speech import read_clip

from engine.decoding import DecodedText
from engine.early_ends import may_be_early, with_rest
from engine.events import DecodeJob
from engine.model import WhisperModel
from engine.options import FOR_RECORDINGS
from engine.utterance import text_of

TEXT = DecodedText((1, 2, 3, 4, 5, 6), (*[-0.1] * 6, -0.9), 0.0)


def rest(ids: tuple[int, ...], first: float = -0.7, others: float = -0.1, *, is_cut: bool = False) -> DecodedText:
    return DecodedText(ids, (first, *[others] * (len(ids) - is_cut)), 0.0, is_cut=is_cut)


@pytest.mark.parametrize(
    ("last", "n_positions", "expected"), [(-0.9, 1200, True), (-0.1, 1200, False), (-0.9, 300, False)]
)
def test_an_end_that_is_doubted_may_be_early(last: float, n_positions: int, expected: bool) -> None:
    assert expected == may_be_early(DecodedText((1,), (-0.1, last), 0.0), n_positions)


def test_a_text_that_has_no_end_is_not_early() -> None:
    assert not may_be_early(DecodedText((1, 2), (-0.1, -0.9), 0.0, is_cut=True), 1200)


def test_what_was_said_is_added() -> None:
    whole = with_rest(TEXT, rest((11, 12, 13, 14, 15)), (), 150)

    assert (1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15) == whole.ids
    assert (*[-0.1] * 6, -0.7, *[-0.1] * 5) == whole.logprobs


@pytest.mark.parametrize(
    "more",
    [
        rest((11, 12, 13, 14)),
        rest((2, 3, 4, 5, 6)),
        rest((21, 22, 23, 24, 25, 26)),
        rest((11, 12, 13, 14, 15), first=-1.6),
        rest((11, 12, 13, 14, 15), others=-0.5),
        rest((11, 12, 13, 14, 15), is_cut=True),
        rest((7,) * 12),
        rest(()),
    ],
    ids=["short", "said before", "said long before", "doubted", "doubted on", "without an end", "a loop", "nothing"],
)
def test_what_was_not_is_left(more: DecodedText) -> None:
    assert TEXT == with_rest(TEXT, more, (20, 21, 22, 23, 24, 25, 26), 150)


@pytest.mark.parametrize(("others", "n_positions", "is_added"), [(-0.5, 1000, True), (-0.7, 1000, False)])
def test_where_hardly_anything_was_heard_the_rest_need_not_be_so_sure(
    others: float, n_positions: int, is_added: bool
) -> None:
    """Twenty seconds of audio."""
    more = rest((11, 12, 13, 14, 15), others=others)

    assert is_added == (TEXT != with_rest(TEXT, more, (), n_positions))


@pytest.mark.max
@pytest.mark.weights
def test_a_sentence_behind_a_pause_is_heard(model: WhisperModel, audio_folder: Path) -> None:
    """Two clips of two people: Whisper closes its text behind the first."""
    names = ("librispeech-train-clean-100_5703-47212-0000", "librivox_sense-and-sensibility-0870")
    two = [read_clip(audio_folder / f"short/en_read_{name}.flac") for name in names]
    audio = np.concatenate([np.zeros(4_800, np.int16), two[0], np.zeros(19_200, np.int16), two[1]])
    for context_s in (30.0, len(audio) / 16_000 + 1):
        job = DecodeJob(1, audio, 0, True, FOR_RECORDINGS.decoding, context_s)
        assert "leisure to consider" in text_of(model.decode([job])[0].tokens)
