"""Where a transcript goes, and in which form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FORMS = ("txt", "srt", "vtt", "json")
"""By the endings of their files: plain text, SubRip, WebVTT, OpenAI's verbose_json."""
_CUES = ("srt", "vtt")


@dataclass(frozen=True, slots=True)
class Output:
    """One place for a transcript.

    Attributes:
        path: of its file; None for stdout.
        form: one of ``FORMS``.
    """

    path: Path | None
    form: str

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
