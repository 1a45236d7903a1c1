"""A draft changes the time a text takes, never the text: on every clip, with real weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from speech import clips, read_clip

from engine.model import WhisperModel
from stream.audio import seconds

pytestmark = [pytest.mark.max, pytest.mark.weights, pytest.mark.slow]
_POSITIONS = 500


def test_with_a_draft_and_without_every_clip_gives_the_same_text(model: WhisperModel, audio_folder: Path) -> None:
    """The draft is what was heard of all but the last half second, as partials have it."""
    n_given = n_verified = 0
    for path in (path for path in clips(audio_folder, "wer") if "/short/" in path.as_posix()):
        audio = read_clip(path)[: 9 * 16_000]
        draft = model.decode_window(audio[:-8000], _POSITIONS).decoded.ids
        plain = model.decode_window(audio, _POSITIONS).decoded
        drafted = model.decode_window(audio, _POSITIONS, draft=draft).decoded
        assert plain.ids == drafted.ids, f"{path.stem}, {seconds(len(audio)):.1f} s"
        n_given, n_verified = n_given + len(draft), n_verified + drafted.n_verified
    assert n_verified > 0.5 * n_given, "most of what partials say again is right"
