"""A transcript as plain text, safe on disk line by line."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from engine.events import Final, TimedEvent
from ui.formats.kept_file import KeptFile

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
        self._file = KeptFile(path, overwrite=overwrite)

    def show(self, timed: TimedEvent) -> None:
        """Write a final; every other event is none of this file's business, but the first begins it.

        Raises:
            OSError: the disk is full, or gone.
        """
        self._file.begin()
        if isinstance(timed.event, Final):
            self._file.append(printable(timed.event.text) + "\n")

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


def as_seconds(duration_s: float) -> str:
    """Return how long something lasted, as "1.5 s"; what is shorter than a tenth is no nothing: "0.02 s"."""
    return f"{duration_s:.1f} s" if duration_s >= 0.1 else f"{duration_s:.2f} s"


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
