"""The folder where the program keeps what takes it long to make."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "MAX_WHISPER_CACHE"


def cache_folder() -> Path:
    """Return the folder; ``MAX_WHISPER_CACHE`` overrides the platform's usual place."""
    override = os.environ.get(CACHE_VARIABLE)
    return Path(override).expanduser() if override else platformdirs.user_cache_path("max-whisper")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Write to the place that is given, in a folder of its own: at the end the file there becomes ``path``.

    That is one step, so nobody ever reads half of it, and nothing stays of what cannot be finished.

    Raises:
        OSError: it cannot be written.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=path.stem) as folder:
        unfinished = Path(folder) / path.name
        yield unfinished
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
