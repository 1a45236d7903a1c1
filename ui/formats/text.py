"""A transcript as plain text."""

from __future__ import annotations

import unicodedata

from engine.events import Event, Final

_JOINERS = "\u200c\u200d"
"""Unseen, but some scripts are misspelt without them."""


class Lines:
    """A transcript as plain text: each final is a line."""

    def text_for(self, event: Event) -> str:
        """Return the line of a final; every other event has none."""
        return printable(event.text) + "\n" if isinstance(event, Final) else ""

    def ending(self) -> str:
        """Return nothing."""
        return ""


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
