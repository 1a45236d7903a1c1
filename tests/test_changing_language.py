"""A stream whose language changes from one utterance to the next, and one whose short utterances sound like others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from speech import clips, read_clip

from engine.events import Final
from engine.model import WhisperModel
from engine.options import DecodingOptions, StreamingOptions
from engine.recognition import likely_language
from engine.transcriber import Transcriber
from stream.audio import AudioChunk
from stream.detector import WebRtcDetector

PAUSE = np.zeros(20_000, np.int16)


@pytest.mark.max
@pytest.mark.weights
@pytest.mark.slow
def test_each_utterance_has_its_own_language(base_model: WhisperModel, audio_folder: Path) -> None:
    spoken = ["de", "de", "en", "fr", "ja", "es"]
    of_language = {language: iter(clips(audio_folder, "wer", language)) for language in set(spoken) - {"en"}}
    of_language["en"] = (path for path in clips(audio_folder, "wer") if "jfk" in path.stem)
    parts = [np.concatenate([read_clip(next(of_language[language])), PAUSE]) for language in spoken]
    ends = np.cumsum([len(part) for part in parts]) / 16_000

    finals = _finals(base_model, np.concatenate(parts))

    assert {*spoken} == {final.language for final in finals}
    assert all(final.language_prob is not None and final.language_prob < 1 for final in finals)
    for final in finals:
        assert spoken[int(np.searchsorted(ends, final.end_s - 0.5))] == final.language, final.text


def _finals(model: WhisperModel, audio: np.ndarray) -> list[Final]:
    options = StreamingOptions(partials=False, decoding=DecodingOptions(languages=("de", "en", "es", "fr", "ja")))
    transcriber = Transcriber(WebRtcDetector(), options)
    transcriber.receive_audio(AudioChunk(audio, 0))
    transcriber.receive_eof()
    while jobs := transcriber.next_jobs():
        for job, hypothesis in zip(jobs, model.decode(jobs), strict=True):
            transcriber.receive_hypothesis(job, hypothesis)
    return [event for event in transcriber.events() if isinstance(event, Final)]


@pytest.mark.parametrize(
    ("chances", "usual", "language"),
    [
        ({"nl": 0.6, "de": 0.4}, "", "nl"),
        ({"nl": 0.6, "de": 0.4}, "de", "de"),
        ({"nl": 0.9, "de": 0.1}, "de", "nl"),
        ({"nl": 0.6, "de": 0.4}, "fr", "nl"),
    ],
    ids=["nothing is usual", "not clear: as before", "clear: it has changed", "the usual one is not allowed"],
)
def test_the_usual_language_stays_unless_it_is_clear_that_it_changed(
    chances: dict[str, float], usual: str, language: str
) -> None:
    assert (language, chances[language]) == likely_language(chances, usual)
