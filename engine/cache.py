"""The folder where the program keeps what takes it long to make."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "MAX_WHISPER_CACHE"
_MADE = re.compile(r"[a-z-]+-[0-9a-f]{24}\.(mef|lock)|weights-[0-9a-f]{16}-[0-9a-f]{16}\.safetensors")
"""What lies in the folder itself and can be made again."""
_UNFINISHED = "unfinished-"
_DAY_S = 86_400
_KEPT_S = 60 * _DAY_S


def cache_folder() -> Path:
    """Return the folder; ``MAX_WHISPER_CACHE`` overrides the platform's usual place."""
    override = os.environ.get(CACHE_VARIABLE)
    return Path(override).expanduser() if override else platformdirs.user_cache_path("max-whisper")


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Write to the place that is given, in a folder of its own: at the end the file there becomes ``path``.

    That is one step, so nobody ever reads half of it.  What stays of one that a process did not live to finish,
    ``forget_unused`` finds.

    Raises:
        OSError: it cannot be written.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=_UNFINISHED) as folder:
        unfinished = Path(folder) / path.name
        yield unfinished
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)


def note_use(path: Path) -> None:
    """Note that ``path`` is still of use."""
    with contextlib.suppress(OSError):  # it may be another user's
        os.utime(path)


def forget_unused() -> None:
    """Delete what nobody has used for 60 days, as what a version before made: this one knows no more of it."""
    with contextlib.suppress(OSError):
        for path in cache_folder().iterdir():
            with contextlib.suppress(OSError):  # it may be another user's
                _forget(path, time.time() - path.stat().st_mtime)


def _forget(path: Path, age_s: float) -> None:
    if _MADE.fullmatch(path.name) and age_s > _KEPT_S:
        path.unlink()
    elif path.name.startswith(_UNFINISHED) and age_s > _DAY_S:
        shutil.rmtree(path)
