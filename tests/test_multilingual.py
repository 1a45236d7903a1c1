"""The multilingual base on real speech in eight languages, held against CTranslate2 4.8.5 (float32, greedy).

The golden figures are those of tests/make_golden_peer.py: windows of 30 s, no timestamps, the language that was heard.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from speech import read_clip

from engine.errors import OptionError
from engine.events import DecodeJob
from engine.model import WhisperModel, check_options
from engine.options import DecodingOptions

pytestmark = [pytest.mark.max, pytest.mark.weights]

GOLDEN: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "golden" / "base.json").read_text())


@pytest.mark.parametrize("clip", GOLDEN)
def test_language_and_tokens_are_ctranslate2s(base_model: WhisperModel, audio_folder: Path, clip: str) -> None:
    golden = GOLDEN[clip]
    found = base_model.decode_window(read_clip(audio_folder / clip))

    assert golden["language"] == found.language
    assert golden["probability"] == pytest.approx(found.language_prob, abs=1e-4)
    assert golden["ids"] == list(found.decoded.ids)


def test_only_the_languages_allowed_are_heard(base_model: WhisperModel, audio_folder: Path) -> None:
    audio = read_clip(audio_folder / next(clip for clip in GOLDEN if GOLDEN[clip]["language"] == "de"))
    (heard,) = base_model.recognizer.detect_languages(base_model.encode([audio], [1500]), [()])
    allowed = {language: heard[language] for language in ("fr", "nl", "sv")}

    found = base_model.decode_window(audio, options=DecodingOptions(languages=tuple(allowed)))

    assert found.language == max(allowed, key=allowed.__getitem__)
    assert found.language_prob == pytest.approx(max(allowed.values()) / sum(allowed.values()), rel=1e-3)


def test_streams_that_are_decoded_together_hear_each_their_own_languages(
    base_model: WhisperModel, audio_folder: Path
) -> None:
    spoken = [next(clip for clip in GOLDEN if GOLDEN[clip]["language"] == language) for language in ("de", "fr")]
    allowed = [("de", "en"), ("fr", "es")]
    jobs = [
        DecodeJob(i, read_clip(audio_folder / clip), 0, True, DecodingOptions(languages=languages))
        for i, (clip, languages) in enumerate(zip(spoken, allowed, strict=True))
    ]

    assert ["de", "fr"] == [heard.language for heard in base_model.decode(jobs)]
    assert ["fr", "de"] == [heard.language for heard in base_model.decode(jobs[::-1])]


def test_translates_to_english(base_model: WhisperModel, audio_folder: Path) -> None:
    clip = next(clip for clip in GOLDEN if GOLDEN[clip]["language"] == "de")

    found = base_model.decode_window(read_clip(audio_folder / clip), options=DecodingOptions(translate=True))

    text = f" {base_model.tokenizer.decode(found.decoded.ids).lower()} "
    assert found.language == "de"
    assert any(word in text for word in (" the ", " a ", " i ", " it ", " and "))


@pytest.mark.parametrize(
    "options", [DecodingOptions(language="xx"), DecodingOptions(languages=("de", "xx"))], ids=["language", "languages"]
)
def test_an_unknown_language_is_refused(base_model: WhisperModel, options: DecodingOptions) -> None:
    with pytest.raises(OptionError, match=r"one of en, zh, de.*, got 'xx'"):
        check_options(options, base_model.tokenizer)
