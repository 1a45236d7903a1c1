"""How late a stream's text is: what decides whether another stream may begin."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import LoudnessDetector, ReadingModel, speech

from engine.options import StreamingOptions
from engine.transcriber import Transcriber
from stream.audio import AudioChunk

FIVE_S = list(range(10, 22))
"""Words for so long, without a pause."""


def test_without_partials_an_utterance_that_goes_on_is_not_late() -> None:
    transcriber = Transcriber(LoudnessDetector(), StreamingOptions(partials=False))
    transcriber.receive_audio(AudioChunk(speech(FIVE_S), 0))

    assert 0 == transcriber.late_s
    assert transcriber.lag_s > 4


def test_without_partials_text_is_late_since_its_utterance_ended() -> None:
    transcriber, model = Transcriber(LoudnessDetector(), StreamingOptions(partials=False)), ReadingModel()
    sound = speech(FIVE_S)
    transcriber.receive_audio(AudioChunk(sound, 0))
    transcriber.receive_audio(AudioChunk(np.zeros(48_000, np.int16), len(sound)))

    assert 3.0 == pytest.approx(transcriber.late_s, abs=0.3)
    model.answer(transcriber, transcriber.next_jobs())
    assert 0 == transcriber.late_s


def test_with_partials_text_is_as_late_as_its_lag() -> None:
    transcriber = Transcriber(LoudnessDetector(), StreamingOptions())
    transcriber.receive_audio(AudioChunk(speech(FIVE_S), 0))

    assert transcriber.lag_s == transcriber.late_s > 4
