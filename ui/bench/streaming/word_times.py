"""When the words of a recording were said: by hand where somebody did that, else heard by base.

Base ends words early, so delays seem longer by that: held against the 193 words timed by hand, by 0.07 s at the median,
by 0.24 s or more for one in twenty (2026-11-26); by 0.17 s at the median where it is the last word of a clip, from
which finals are counted (2026-11-27).
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ui.paths import bench_folder
from ui.scoring.bare import bare
from ui.scoring.scripts import Script, ScriptWord
from ui.scoring.words import paired_words

HeardWord = tuple[float, float, str]
"""Start and end in seconds, and the word."""
Hear = Callable[[Path], list[HeardWord]]


def read_words(path: Path) -> list[HeardWord]:
    """Read a .words.tsv: start, end, word, with a line of these names."""
    with path.open(encoding="utf-8", newline="") as rows:
        return [(float(row["start"]), float(row["end"]), row["word"]) for row in _rows(rows)]


def _rows(lines: Iterable[str]) -> Iterable[dict[str, str]]:
    return csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)  # a quotation mark belongs to its word


def heard_words(path: Path, hear: Hear) -> list[HeardWord]:
    """Return the words of a recording as ``hear`` finds them, or as it found them the first time."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    kept = bench_folder() / "word-times" / f"{path.stem}-{digest}.words.tsv"
    if not kept.is_file():
        lines = [f"{start_s:.3f}\t{end_s:.3f}\t{word}" for start_s, end_s, word in hear(path)]
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text("\n".join(["start\tend\tword", *lines, ""]), encoding="utf-8")
    return read_words(kept)


def timed_script(transcript: str, heard: Sequence[HeardWord], duration_s: float) -> Script:
    """Return ``transcript`` with the times of the words that were heard in it.

    A word that was heard wrongly has the time of what was heard in its place; one that was not heard at all has a
    guess between its neighbours.
    """
    words = transcript.split()
    told = [i for i, word in enumerate(words) if bare(word)]
    pairs = paired_words([bare(words[i]) for i in told], [bare(word) or "-" for _, _, word in heard])
    known = {told[i]: heard[n] for i, n in pairs}
    script = [
        ScriptWord(word, *known[i][:2]) if i in known else ScriptWord(word, *_between(i, known, duration_s), True)
        for i, word in enumerate(words)
    ]
    return Script(" ".join(words), tuple(script), duration_s)


def _between(at: int, known: dict[int, HeardWord], duration_s: float) -> tuple[float, float]:
    """The share of word ``at`` in the time between the words around it that have one."""
    before = max((i for i in known if i < at), default=-1)
    after = min((i for i in known if i > at), default=None)
    begin_s = known[before][1] if before >= 0 else 0.0
    end_s = duration_s if after is None else max(begin_s, known[after][0])
    share_s = (end_s - begin_s) / ((at + 2 if after is None else after) - before - 1)
    return begin_s + (at - before - 1) * share_s, begin_s + (at - before) * share_s


def joined_script(scripts: Sequence[Script], starts_s: Sequence[float], duration_s: float) -> Script:
    """Return what is said where recordings were joined, each beginning at its place in ``starts_s``."""
    words = [
        replace(word, start_s=word.start_s + start_s, end_s=word.end_s + start_s)
        for script, start_s in zip(scripts, starts_s, strict=True)
        for word in script.words
    ]
    return Script(" ".join(script.text for script in scripts), tuple(words), duration_s)
