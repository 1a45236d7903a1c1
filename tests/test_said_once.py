"""What is said once is written once: Whisper likes to repeat the last sentence where the audio ends in its context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from speech import read_clip

from engine.encoded import EncodedAudio
from engine.events import DecodeJob
from engine.guards import is_loop, says_twice
from engine.model import WhisperModel
from engine.options import FOR_RECORDINGS
from engine.recognition import Recognized, Recognizer
from engine.tasks import Window

pytestmark = [pytest.mark.max, pytest.mark.weights]

REPEATED = [
    (["dr1-fvmh0_si1466", "dr1-fvmh0_si2096"], 0.6),
    (["dr1-fvmh0_si2096", "dr1-fvmh0_si836"], 0.6),
    (["dr5-ftlg0_si1743", "dr5-ftlg0_si483"], 1.2),
    (["dr5-ftlg0_sx213", "dr7-madd0_si1295", "dr7-madd0_si1798"], 1.2),
]
"""Clips of TIMIT, and the seconds between them: with one second of margin, the last is heard twice."""


def joined(folder: Path, names: list[str], pause_s: float) -> NDArray[np.int16]:
    pause = np.zeros(int(pause_s * 16_000), np.int16)
    parts = [part for name in names for part in (read_clip(folder / f"short/en_read_timit_{name}.flac"), pause)]
    return np.concatenate(parts[:-1])


@pytest.mark.parametrize(("names", "pause_s"), REPEATED)
def test_a_final_in_a_short_context(names: list[str], pause_s: float, model: WhisperModel, audio_folder: Path) -> None:
    audio = joined(audio_folder, names, pause_s)
    context_s = max(10.0, len(audio) / 16_000 + 1.0)
    alone = model.decode_window(audio, round(50 * context_s))
    (final,) = model.decode([DecodeJob(1, audio, 0, True, FOR_RECORDINGS.decoding, context_s)])

    assert says_twice(alone.decoded.ids), "the clips no longer show it"
    assert not says_twice([token.id for token in final.tokens])


@pytest.mark.parametrize("is_final", [False, True])
@pytest.mark.parametrize("name", ["picovoice-platforms", "timit_dr7-madd0_si1295"])
def test_a_loop_in_a_short_context_is_heard_in_a_longer_one(
    name: str, *, is_final: bool, model: WhisperModel, audio_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Soon, and no text is drawn instead, which may be anything."""
    audio = read_clip(audio_folder / f"short/en_read_{name}.flac")
    alone = model.decode_window(audio, len(audio) // 320)
    monkeypatch.setattr(Recognizer, "_search", lambda *_: pytest.fail("drawn"))
    recognize, heard_in, n_tokens = model.recognizer.recognize, [], []

    def noted(encoded: EncodedAudio, windows: Sequence[Window]) -> list[Recognized]:
        found = recognize(encoded, windows)
        heard_in.append(encoded.n_positions[0])
        n_tokens.append(len(found[0].decoded.ids))
        return found

    monkeypatch.setattr(model.recognizer, "recognize", noted)
    # Three rounds are no more than 2.4 times as long as their archive, but enough to be rejected here.
    options = replace(FOR_RECORDINGS.decoding, compression_ratio_limit=1.3)
    job = DecodeJob(1, audio, 0, is_final, options, len(audio) / 16_000)
    (heard,) = model.decode([job])

    assert is_loop(alone.decoded.ids), "the clip no longer shows it"
    assert n_tokens[0] < len(alone.decoded.ids) / 3, "it ends where it is a loop"
    first, *others = heard_in
    longer = [1500] if is_final else [pytest.approx(first * 2**n, abs=2**n) for n in range(1, len(others) + 1)]
    assert longer == others
    ids = [token.id for token in heard.tokens]
    assert not is_loop(ids)
    assert ids == list(alone.decoded.ids[: len(ids)]), "it is said once"
