"""Where a transcript goes, in which form, and what its cues may hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FORMS = ("txt", "srt", "vtt", "json")
"""By the endings of their files: plain text, SubRip, WebVTT, OpenAI's verbose_json."""
_CUES = ("srt", "vtt")


@dataclass(frozen=True, slots=True)
class Shape:
    """How much a cue may hold.

    Attributes:
        columns: of a line; a wide character takes two.
        n_lines: at most.
    """

    columns: int = 42
    n_lines: int = 2

    @property
    def fewest_columns(self) -> int:
        """A cue is cut earlier than it must be only if so much is in it."""
        return self.columns * self.n_lines // 3


USUAL = Shape()


@dataclass(frozen=True, slots=True)
class Output:
    """One place for a transcript.

    Attributes:
        path: of its file; None for stdout.
        form: one of ``FORMS``.
        shape: of the cues, where it has some.
    """

    path: Path | None
    form: str
    shape: Shape = USUAL

    def __str__(self) -> str:
        """As it was given."""
        return "-" if self.path is None else str(self.path)

    @property
    def has_cues(self) -> bool:
        """Whether it is cut between words."""
        return self.form in _CUES

    @property
    def is_whole(self) -> bool:
        """Whether it holds one recording, and not several in turn."""
        return self.form != "txt"


def form_of(path: Path | None) -> str | None:
    """Return the form that the ending of ``path`` asks for; None where it asks for none."""
    ending = "" if path is None else path.suffix.lower().removeprefix(".")
    return ending if ending in FORMS else None
