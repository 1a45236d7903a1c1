"""A stream whose language changes from one utterance to the next, and one whose short utterances sound like others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from speech import clips, read_clip

from engine.events import DecodeJob, Final
from engine.language_changes import likely_language
from engine.model import WhisperModel
from engine.options import FOR_RECORDINGS, DecodingOptions, StreamingOptions
from engine.spoken_languages import SpokenLanguages
from engine.transcriber import Transcriber
from stream.audio import AudioChunk
from stream.detector import WebRtcDetector

PAUSE = np.zeros(20_000, np.int16)


@pytest.mark.max
@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.parametrize("is_recording", [False, True], ids=["as it is spoken", "as a recording"])
def test_each_utterance_has_its_own_language(
    base_model: WhisperModel, audio_folder: Path, *, is_recording: bool
) -> None:
    spoken = ["de", "de", "en", "fr", "ja", "es"]
    parts = [np.concatenate([clip, PAUSE]) for clip in _spoken(audio_folder, spoken)]
    ends = np.cumsum([len(part) for part in parts]) / 16_000
    live = StreamingOptions(partials=False, decoding=DecodingOptions(languages=("de", "en", "es", "fr", "ja")))

    finals = _finals(base_model, np.concatenate(parts), FOR_RECORDINGS if is_recording else live)

    assert {*spoken} == {final.language for final in finals}
    assert all(final.language_prob is not None and final.language_prob < 1 for final in finals)
    for final in finals:
        assert spoken[int(np.searchsorted(ends, final.end_s - 0.5))] == final.language, final.text
    # Those of a recording would be one utterance of 28 s or less, were it not for their languages.
    assert len(finals) >= len(spoken) - 1


@pytest.mark.max
@pytest.mark.weights
@pytest.mark.parametrize("has_slices", [True, False], ids=["on a CPU", "as on a GPU"])
def test_a_job_ends_where_another_language_begins(
    base_model: WhisperModel, audio_folder: Path, *, has_slices: bool
) -> None:
    german, french = _spoken(audio_folder, ["de", "fr"])
    pause = (len(german), len(german) + 8_000)
    audio = np.concatenate([german, np.zeros(8_000, np.int16), french])
    job = DecodeJob(1, audio, 0, is_final=True, pauses=(pause,))
    languages = SpokenLanguages(base_model.recognizer, base_model.encode, has_slices=has_slices)

    assert languages.may_change_in(job)
    assert not languages.may_change_in(replace(job, options=DecodingOptions(languages=("de",))))
    heard = languages.to_first_change(job, base_model.encode([audio], [1500]))
    alone = languages.to_first_change(
        replace(job, audio=german, pauses=((20_000, 28_000),)), base_model.encode([german], [1500])
    )

    assert (sum(pause) // 2, "de") == (heard.language_end, heard.job.options.language)
    assert len(heard.job.audio) == heard.language_end
    assert (None, "de") == (alone.language_end, alone.job.options.language)


def _spoken(audio_folder: Path, languages: Sequence[str]) -> list[NDArray[np.int16]]:
    """A clip in each of ``languages``, none of them twice."""
    of_language = {language: iter(clips(audio_folder, "wer", language)) for language in set(languages) - {"en"}}
    of_language["en"] = (path for path in clips(audio_folder, "wer") if "jfk" in path.stem)
    return [read_clip(next(of_language[language])) for language in languages]


def _finals(model: WhisperModel, audio: NDArray[np.int16], options: StreamingOptions) -> list[Final]:
    transcriber = Transcriber(WebRtcDetector(), options)
    transcriber.receive_audio(AudioChunk(audio, 0))
    transcriber.receive_eof()
    while jobs := transcriber.next_jobs(options.batch_size):
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
