"""The folder where the program keeps what takes it long to make."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "MAX_WHISPER_CACHE"
_MADE = ("*.mef", "*.lock", "weights-*.safetensors")
"""What lies in the folder itself and can be made again."""
_KEPT_DAYS = 60
_DAY_S = 86_400


def cache_folder() -> Path:
    """Return the folder; ``MAX_WHISPER_CACHE`` overrides the platform's usual place."""
    override = os.environ.get(CACHE_VARIABLE)
    return Path(override).expanduser() if override else platformdirs.user_cache_path("max-whisper")


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Write to the place that is given, in a folder of its own: at the end the file there becomes ``path``.

    That is one step, so nobody ever reads half of it, and nothing stays of what cannot be finished.  What nobody has
    used for long goes: what a version before made, of which this one knows no more.

    Raises:
        OSError: it cannot be written.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=path.stem) as folder:
        unfinished = Path(folder) / path.name
        yield unfinished
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    _forget_unused(path.parent)


def note_use(path: Path) -> None:
    """Note that ``path`` is still of use."""
    with contextlib.suppress(OSError):  # it may be another user's
        os.utime(path)


def _forget_unused(folder: Path) -> None:
    oldest_s = time.time() - _KEPT_DAYS * _DAY_S
    for path in (path for pattern in _MADE for path in folder.glob(pattern)):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest_s:
                path.unlink()
