"""Which words of a script each piece of a trace is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from ui.scoring.bare import bare
from ui.scoring.scripts import Script
from ui.scoring.traces import View
from ui.scoring.words import paired_words, shown_words


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece, from its first view to its last.

    Attributes:
        views: never empty.
        spoken: the words of the script that may be in it, by index: all between the words of its neighbours.
        paired: those of them that a word of its last text stands for, rightly or wrongly.
    """

    views: tuple[View, ...]
    spoken: range
    paired: tuple[int, ...]

    @property
    def last(self) -> View:
        """What became of it."""
        return self.views[-1]


def placed_pieces(script: Script, trace: Sequence[View]) -> list[Piece]:
    """Lay the last texts of all pieces along ``script`` and return the pieces in their order."""
    by_piece = sorted(trace, key=lambda view: view.piece)
    views = [tuple(group) for _, group in groupby(by_piece, key=lambda view: view.piece)]
    paired = _paired_by_piece(script, [own[-1].text for own in views])
    ends = accumulate((max(pairs, default=-1) + 1 for pairs in paired), max, initial=0)
    n_words = len(script.words)
    begins = [*accumulate((min(pairs, default=n_words) for pairs in reversed(paired)), min, initial=n_words)][-2::-1]
    return [
        Piece(own, range(end, begin), tuple(pairs))
        for own, end, begin, pairs in zip(views, ends, begins, paired, strict=False)
    ]


def _paired_by_piece(script: Script, texts: Sequence[str]) -> list[list[int]]:
    owners, heard = [], []
    for k, text in enumerate(texts):
        words = [bare(word) for word in shown_words(text)]
        heard += words
        owners += [k] * len(words)
    # A word of the script that is none to a reader keeps its index and is left out here.
    told = [(i, word) for i, one in enumerate(script.words) if (word := bare(one.text))]
    paired: list[list[int]] = [[] for _ in texts]
    for at, n in paired_words([word for _, word in told], heard):
        paired[owners[n]].append(told[at][0])
    return paired
