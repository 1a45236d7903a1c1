"""What is said in a recording, and when."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ScriptWord:
    """A word of a script and when it is spoken, in seconds of audio.

    Attributes:
        is_guessed: whether the times lie between those of its neighbours for want of any of its own.
    """

    text: str
    start_s: float
    end_s: float
    is_guessed: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """What is said in a recording, and when."""

    text: str
    words: tuple[ScriptWord, ...]
    duration_s: float


def read_script(folder: Path) -> Script:
    """Read sample.txt and sample.words.tsv (start_s, end_s, word) from ``folder``."""
    words = []
    for line in (folder / "sample.words.tsv").read_text(encoding="utf-8").splitlines():
        start_s, end_s, word = line.split("\t")
        words.append(ScriptWord(word, float(start_s), float(end_s)))
    text = (folder / "sample.txt").read_text(encoding="utf-8")
    return Script(" ".join(text.split()), tuple(words), words[-1].end_s)
