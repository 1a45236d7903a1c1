"""Silence, noise, music and tones give no text, live; and nothing of what is said is taken for noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import cut
from numpy.typing import NDArray
from speech import clips, read_clip

from engine.events import Discarded, Event, Final
from engine.options import StreamingOptions
from engine.service import SpeechModel
from engine.transcriber import Transcriber
from stream.detector import WebRtcDetector

pytestmark = [pytest.mark.max, pytest.mark.weights, pytest.mark.slow]
FINALS_ALONE = StreamingOptions(partials=False)


def heard(model: SpeechModel, audio: NDArray[np.int16]) -> list[Event]:
    transcriber, events = Transcriber(WebRtcDetector(), FINALS_ALONE), []
    for chunk in cut(audio, lambda: 4800):
        transcriber.receive_audio(chunk)
        events += decoded(model, transcriber)
    transcriber.receive_eof()
    return events + decoded(model, transcriber)


def decoded(model: SpeechModel, transcriber: Transcriber) -> list[Event]:
    while jobs := transcriber.next_jobs():
        for job, hypothesis in zip(jobs, model.decode(jobs), strict=True):
            transcriber.receive_hypothesis(job, hypothesis)
    return transcriber.events()


def test_where_nobody_speaks_there_is_no_text(model: SpeechModel, audio_folder: Path) -> None:
    invented = {
        path.stem: texts
        for path in clips(audio_folder, "nonspeech", "zxx")
        if (texts := [event.text for event in heard(model, read_clip(path)) if isinstance(event, Final)])
    }
    assert {} == invented


def test_behind_speech_noise_gives_no_text_either(model: SpeechModel, audio_folder: Path) -> None:
    speech = read_clip(next(path for path in clips(audio_folder, "wer") if "jfk" in path.stem))
    alone = [event.text for event in heard(model, speech) if isinstance(event, Final)]
    for path in clips(audio_folder, "nonspeech", "zxx"):
        if path.stem.startswith(("noise", "silence")):
            pause = np.zeros(16_000, np.int16)
            events = heard(model, np.concatenate([speech, pause, read_clip(path)]))
            assert alone == [event.text for event in events if isinstance(event, Final)], path.stem


def test_no_clean_speech_is_taken_for_noise(model: SpeechModel, audio_folder: Path) -> None:
    lost = []
    for path in clips(audio_folder, "wer"):
        if "/short/" in path.as_posix():
            lost += [event for event in heard(model, read_clip(path)) if isinstance(event, Discarded)]
    assert 0.0 == sum(event.end_s - event.start_s for event in lost if event.end_s - event.start_s > 1.0)
