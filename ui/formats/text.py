"""A transcript as plain text, safe on disk line by line."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from stat import S_ISREG

from engine.events import Final, TimedEvent

_JOINERS = "\u200c\u200d"
"""Unseen, but some scripts are misspelt without them."""


class TextWriter:
    """Appends each final to a file as a line and sees that it reaches the disk, so that nothing said is lost."""

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        """Open ``path``, making its folder.

        Raises:
            FileExistsError: there is text in it already, and ``overwrite`` is off.
            OSError: it cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        if not overwrite and path.is_file() and path.stat().st_size > 0:
            raise FileExistsError(path)
        # Unbuffered: a line that could not be written must not come back when the file is closed.
        self._file = path.open("wb", buffering=0)
        self._is_on_disk = S_ISREG(os.fstat(self._file.fileno()).st_mode)

    def show(self, timed: TimedEvent) -> None:
        """Write a final; every other event is none of this file's business.

        Raises:
            OSError: the disk is full, or gone.
        """
        if not isinstance(timed.event, Final):
            return
        line = (printable(timed.event.text) + "\n").encode()
        while line:
            line = line[self._file.write(line) :]
        if self._is_on_disk:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def printable(text: str) -> str:
    """Return ``text`` as one line that neither moves a cursor nor colours a screen.

    Controls and line breaks become spaces.  Unseen format characters go, but for the joiners that some scripts
    need; terminals differ over the width of joined emoji, so those come apart.
    """
    if text.isprintable():
        return text
    return "".join(_printable(character, after) for character, after in zip(text, text[1:] + " ", strict=True))


def _printable(character: str, after: str) -> str:
    match unicodedata.category(character):
        case "Cc" | "Zl" | "Zp":
            return " "
        case "Cf":
            return character if character in _JOINERS and unicodedata.category(after) != "So" else ""
        case "Cs":
            return "\ufffd"  # half a character: no encoding has it
        case _:
            return character
