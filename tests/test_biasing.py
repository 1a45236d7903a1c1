"""Prompts, hotwords, prefixes and suppressed tokens with real weights on real speech."""

from __future__ import annotations

from pathlib import Path

import pytest
from speech import read_clip

from engine.errors import OptionError
from engine.model import WhisperModel, check_options
from engine.options import DecodingOptions

pytestmark = [pytest.mark.max, pytest.mark.weights]

SONG = "short/en_read_librispeech-train-clean-100_3436-172162-0000.flac"
LAKE = "short/en_read_librispeech-train-clean-100_5703-47212-0000.flac"
INAUGURAL = "short/en_talk_jfk-inaugural-excerpt.flac"
MANY = tuple(f"{first}{last}" for first in ["Aarhus", "Bremen", "Cork", "Delft", "Evora", "Faro"] for last in range(40))


def text_of(model: WhisperModel, clip: Path, options: DecodingOptions) -> str:
    ids = model.recognizer.prefix(options), model.decode_window(read_clip(clip), options=options).decoded.ids
    return model.tokenizer.decode([id for part in ids for id in part])


@pytest.mark.parametrize("beam_size", [1, 3])
def test_hotwords_are_heard(model: WhisperModel, audio_folder: Path, beam_size: int) -> None:
    hotwords = ("Inverashiel", "Crianan")
    without = text_of(model, audio_folder / LAKE, DecodingOptions(beam_size=beam_size))
    biased = text_of(model, audio_folder / LAKE, DecodingOptions(beam_size=beam_size, hotwords=hotwords))

    assert [word in without for word in hotwords] == [False, False]
    assert [word in biased for word in hotwords] == [True, True]


def test_hotwords_beyond_the_prompt_are_made_more_probable(model: WhisperModel, audio_folder: Path) -> None:
    def options(boost: float) -> DecodingOptions:
        return DecodingOptions(hotwords=(*MANY[:70], "Guenever"), hotword_boost=boost)

    assert "Guenever" not in text_of(model, audio_folder / SONG, options(0.0))
    assert "Guenever" in text_of(model, audio_folder / SONG, options(4.0))


def test_a_prompt_tells_how_names_are_spelt(model: WhisperModel, audio_folder: Path) -> None:
    options = DecodingOptions(prompt="A steamer on Loch Crianan.")

    assert "Crianan" in text_of(model, audio_folder / LAKE, options)


def test_a_prompt_longer_than_the_context_is_cut_in_front(model: WhisperModel, audio_folder: Path) -> None:
    options = DecodingOptions(prompt="once upon a time " * 500 + "A steamer on Loch Crianan.")

    assert "Crianan" in text_of(model, audio_folder / LAKE, options)


def test_a_prefix_begins_the_text(model: WhisperModel, audio_folder: Path) -> None:
    text = text_of(model, audio_folder / INAUGURAL, DecodingOptions(prefix="Well then, my fellow"))

    assert text.startswith(" Well then, my fellow Americans")


def test_suppressed_tokens_are_not_written(model: WhisperModel, audio_folder: Path) -> None:
    commas = tuple(model.tokenizer.encode(","))

    assert "," in text_of(model, audio_folder / INAUGURAL, DecodingOptions())
    assert "," not in text_of(model, audio_folder / INAUGURAL, DecodingOptions(suppress_tokens=(-1, *commas)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (DecodingOptions(language="de"), "English-only model cannot hear language 'de'"),
        (DecodingOptions(translate=True), "English-only model cannot translate"),
        (DecodingOptions(suppress_tokens=(51864,)), "51864.*ids below 51864"),
    ],
)
def test_what_the_model_cannot_do_is_refused(model: WhisperModel, options: DecodingOptions, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        check_options(options, model.tokenizer)
