"""What several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def audio_folder() -> Path:
    """The folder of real speech, ``dev`` of the set; tests that need it skip where it is missing."""
    folder = Path(os.environ.get("MAX_WHISPER_AUDIO", REPOSITORY.parent / "shared" / "audio" / "dev"))
    if not (folder / "manifest.csv").is_file():
        pytest.skip(f"no real speech in {folder}; MAX_WHISPER_AUDIO names a folder that has it")
    return folder


@pytest.fixture(scope="session")
def model() -> object:
    """tiny.en on the CPU, compiled at most once for the whole run, and kept in the user's cache."""
    from engine.model import WhisperModel
    from engine.options import DecodingOptions

    return WhisperModel.load(device="cpu", options=DecodingOptions(words=True))


@pytest.fixture(scope="session")
def base_model() -> object:
    """The multilingual base, as ``model``."""
    from engine.model import WhisperModel

    return WhisperModel.load("base", device="cpu")


@pytest.fixture(scope="session")
def networks() -> object:
    """The networks of the small random model, compiled at most once for the whole run."""
    from small_model import small_networks

    return small_networks()


@pytest.fixture(scope="session")
def features() -> object:
    """What its encoder makes of its audio, by NumPy."""
    from small_model import true_features

    return true_features()


@pytest.fixture(scope="session")
def logits() -> object:
    """What its decoder makes of that and its text, by NumPy."""
    from small_model import true_logits

    return true_logits()
