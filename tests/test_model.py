"""The whole model with real weights on real speech, held against CTranslate2 4.8.5 (float32, greedy).

The golden ids were made with its features padded to 30 s, prompt <|startoftranscript|><|notimestamps|>,
the checkpoint's suppressed tokens, and blanks suppressed at the start.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from speech import read_clip
from whisper_sizes import SIZES

from engine.errors import CheckpointError
from engine.events import DecodeJob, Hypothesis
from engine.model import WhisperModel, check_heads
from engine.utterance import text_of

pytestmark = [pytest.mark.max, pytest.mark.weights]

GOLDEN: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "golden" / "greedy_ids.json").read_text())


@pytest.mark.parametrize("clip", [name for name in GOLDEN if name.startswith("short/")])
def test_greedy_tokens_are_ctranslate2s(model: WhisperModel, audio_folder: Path, clip: str) -> None:
    golden = GOLDEN[clip]
    decoded = model.decode_window(read_clip(audio_folder / clip)).decoded

    assert golden["ids"] == list(decoded.ids)
    # CTranslate2 divides the sum by the number of tokens, the closing one not counted, and leaves timestamps in
    # the sum of probabilities that we filter out as whisper/decoding.py does.
    assert golden["score"] == pytest.approx(sum(decoded.logprobs) / max(1, len(decoded.ids)), abs=0.02)
    assert golden["no_speech_prob"] == pytest.approx(decoded.no_speech_prob, rel=1e-2, abs=1e-5)


@pytest.mark.parametrize("clip", ["short/en_talk_jfk-inaugural-excerpt.flac", "short/en_read_moonshine-beckett.flac"])
def test_no_draft_changes_the_tokens(model: WhisperModel, audio_folder: Path, clip: str) -> None:
    ids = tuple(GOLDEN[clip]["ids"])
    audio = read_clip(audio_folder / clip)

    for draft in (ids, ids[:5], (*ids[:7], 11, 11, 11), (*ids, 13, 13), tuple(reversed(ids))):
        assert ids == model.decode_window(audio, draft=draft).decoded.ids


def test_a_partial_hears_what_a_final_hears(model: WhisperModel, audio_folder: Path) -> None:
    audio = read_clip(audio_folder / "short/en_talk_jfk-inaugural-excerpt.flac")
    partial, final = (model.decode([DecodeJob(1, audio, 0, is_final)])[0] for is_final in (False, True))

    assert words_of(final) == words_of(partial)


def words_of(hypothesis: Hypothesis) -> list[str]:
    text = text_of(hypothesis.tokens).lower()
    return "".join(c for c in text if c.isalpha() or c == " ").split()


def test_silence_is_nothing(model: WhisperModel) -> None:
    decoded = model.decode_window(np.zeros(16_000, np.int16)).decoded

    assert decoded.no_speech_prob > 0.5


def test_windows_encoded_together_are_as_alone(model: WhisperModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU: all in the longest context of them, rounded up, their spectrograms made in several threads."""
    audios = [np.random.default_rng(i).integers(-9_000, 9_000, 16_000 * i).astype(np.int16) for i in (1, 2, 3)]
    alone = [model.encode([audio], [250]) for audio in audios]
    monkeypatch.setattr(type(model.networks), "wants_equal_lengths", True)
    together = model.encode(audios, [50, 200, 100])

    assert together.n_positions == (250, 250, 250)
    for i, one in enumerate(alone):
        for expected, found in zip(one.cross_kv, together.cross_kv, strict=True):
            np.testing.assert_allclose(expected.to_numpy()[0], found.to_numpy()[i], rtol=0, atol=0.02)


def test_heads_of_another_width_are_refused() -> None:
    with pytest.raises(
        CheckpointError, match=r"heads of the decoder are 32 wide \(12 of 384\), those of a Whisper are 64"
    ):
        check_heads(replace(SIZES["tiny"], n_text_head=12))
