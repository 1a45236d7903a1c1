"""Other languages than English through OpenAI's SDK: the multilingual base on real speech."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import jiwer
import pytest
from fakes_server import running_server
from openai_client import assert_known
from openai_sdk import sdk

from engine.model import WhisperModel
from stream.detector import WebRtcDetector

pytestmark = [pytest.mark.max, pytest.mark.weights]


def asked(path: Path, model: WhisperModel, task: str, **options: Any) -> Any:
    async def ask() -> Any:
        async with (
            running_server(model, detector=WebRtcDetector, languages=model.languages) as running,
            sdk(running) as client,
        ):
            return await getattr(client.audio, task).create(file=path, model="whisper-1", **options)

    return asyncio.run(ask())


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_german_is_heard_and_translated(base_model: WhisperModel, audio_folder: Path) -> None:
    clip = audio_folder / "short" / "de_read_picovoice-cheetah.flac"
    said = (audio_folder / "transcripts" / f"{clip.stem}.txt").read_text(encoding="utf-8")

    heard = asked(clip, base_model, "transcriptions", response_format="verbose_json")
    translated = asked(clip, base_model, "translations", response_format="verbose_json")

    assert ("german", "english") == (heard.language, translated.language)
    assert jiwer.cer(said.lower(), heard.text.lower()) < 0.15
    assert {"the", "a", "and", "i", "it", "is", "of"} & set(translated.text.lower().split())
    assert jiwer.wer(heard.text, translated.text) > 0.8
    assert_known(translated.segments)


def test_a_language_may_be_told(base_model: WhisperModel, audio_folder: Path) -> None:
    clip = audio_folder / "short" / "fr_read_picovoice-cheetah.flac"

    def language(**told: str) -> str:
        return asked(clip, base_model, "transcriptions", response_format="verbose_json", **told).language

    assert ("french", "french", "german") == (language(), language(language="fr"), language(language="de"))
