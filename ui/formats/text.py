"""A transcript as plain text, safe on disk line by line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

from engine.events import Final, TimedEvent


class TextWriter:
    """Appends each final to a file as a line and sees that it reaches the disk, so that nothing said is lost."""

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        """Open ``path``, making its folder.

        Raises:
            FileExistsError: there is text in it already, and ``overwrite`` is off.
            OSError: it cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        if not overwrite and path.exists() and path.stat().st_size > 0:
            raise FileExistsError(path)
        self.path = path
        self._file: TextIO = path.open("w", encoding="utf-8")

    def show(self, timed: TimedEvent) -> None:
        """Write a final; every other event is none of this file's business.

        Raises:
            OSError: the disk is full, or gone.
        """
        if isinstance(timed.event, Final):
            self._file.write(timed.event.text + "\n")
            self._file.flush()
            if self._file.seekable():  # a pipe or a terminal has nothing to sync
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()
