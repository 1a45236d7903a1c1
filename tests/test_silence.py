"""What is silence, and what is rejected: whisper/transcribe.py tells both by the same limits."""

from __future__ import annotations

import numpy as np
import pytest
from checkpoint_files import DIMS

from engine.decoding import DecodedText
from engine.events import DecodeJob
from engine.long_texts import LongTexts
from engine.options import DecodingOptions
from engine.recognition import Recognized, is_rejected
from stream.audio import SAMPLE_RATE

FIRST = 50_363
"""The id of <|0.00|> of an English model."""


def recognized(ids: tuple[int, ...], logprob: float, no_speech_prob: float, ratio: float = 1.0) -> Recognized:
    text = DecodedText(ids, (logprob,) * (len(ids) + 1), no_speech_prob, is_cut=False)
    return Recognized(text, "en", 1.0, 0.0, ratio)


@pytest.mark.parametrize(
    ("logprob", "no_speech_prob", "ratio", "expected"),
    [(-0.5, 0.1, 1.0, False), (-1.5, 0.1, 1.0, True), (-1.5, 0.7, 1.0, False), (-0.5, 0.7, 3.0, True)],
    ids=["sound", "improbable", "silence", "repeats itself"],
)
def test_an_improbable_text_is_tried_again_unless_it_is_silence(
    logprob: float, no_speech_prob: float, ratio: float, expected: bool
) -> None:
    assert expected == is_rejected(recognized((1, 2), logprob, no_speech_prob, ratio), DecodingOptions())


@pytest.mark.parametrize(
    ("logprob", "no_speech_prob", "expected"),
    [(-0.1, 0.1, (7, 8)), (-0.1, 0.7, (7, 8)), (-1.5, 0.7, (7,))],
    ids=["said", "said softly", "silence"],
)
def test_what_follows_a_broken_text_is_left_out_where_it_is_silence(
    logprob: float, no_speech_prob: float, expected: tuple[int, ...]
) -> None:
    heard = recognized((FIRST, 8, FIRST + 100), logprob, no_speech_prob)
    long_texts = LongTexts(lambda _: heard, lambda _: (), FIRST, DIMS)
    job = DecodeJob(1, np.zeros(10 * SAMPLE_RATE, np.int16), 0, True, DecodingOptions(timestamps=True))
    broken = recognized((FIRST, 7, FIRST + 250, FIRST + 250), -0.1, 0.1)

    found = long_texts.to_the_end(job, broken)

    assert expected == tuple(id for id in found.decoded.ids if id < FIRST)
