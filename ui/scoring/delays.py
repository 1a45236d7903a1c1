"""How long after they were said words were shown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from ui.scoring.bare import bare
from ui.scoring.placement import Piece, placed_pieces
from ui.scoring.scripts import Script
from ui.scoring.traces import View
from ui.scoring.words import shown_words


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds from the end of each word in the audio to the moment it was shown.

    Words never shown are left out, those that are written otherwise, as 25, and those whose time nobody knows.

    Attributes:
        shown: to its first appearance.
        settled: to its first appearance in stable or final text: as early as the program says so, and no sooner.
        stays: to the moment from which on it stands there to the end, neither changed nor taken away, whatever the
            program says of it; of the words that the last text has.
        final: from the end of the last word of each piece to its closing.
    """

    shown: tuple[float, ...]
    settled: tuple[float, ...]
    stays: tuple[float, ...]
    final: tuple[float, ...] = ()


def word_delays(script: Script, trace: Sequence[View]) -> Delays:
    """Measure when each word of ``script`` was first shown, settled and came to stay, and when pieces were closed."""
    shown: dict[int, float] = {}
    settled: dict[int, float] = {}
    stays: dict[int, float] = {}
    pieces = placed_pieces(script, trace)
    for piece in pieces:
        standing: dict[int, float] = {}
        for view in piece.views:
            words = _matching_words(script, piece, view.t_s, view.text)
            _note(shown, view.t_s, words)
            standing = {word: standing.get(word, view.t_s) for word in words}
            certain = view.text if view.is_closed else view.stable
            _note(settled, view.t_s, _matching_words(script, piece, view.t_s, certain))
        stays |= {word: min(t_s, stays.get(word, t_s)) for word, t_s in standing.items()}
    final = {piece.paired[-1]: piece.last.t_s for piece in pieces if piece.last.is_closed and piece.paired}
    return Delays(*(_after_their_end(script, at) for at in (shown, settled, stays, final)))


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of ``values``, at least two of them, by linear interpolation."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def least_for(percent: int) -> int:
    """Return how many of a few values there must be for a percentile of them: one at least lies beyond it."""
    return max(2, math.ceil(100 / (100 - percent)))


def percentile_of_all(values: Sequence[float], n_all: int, percent: int) -> float:
    """Return a percentile of ``n_all`` delays, at least one; those that are not in ``values`` never end: inf."""
    whole, rest = divmod((n_all - 1) * percent, 100)
    ordered = sorted(values)
    if whole + bool(rest) >= len(ordered):
        return math.inf
    return ordered[whole] + (rest and (ordered[whole + 1] - ordered[whole]) * rest / 100)


def _matching_words(script: Script, piece: Piece, t_s: float, text: str) -> list[int]:
    """Which words of the piece, of those begun by ``t_s``, appear in ``text`` in their order."""
    spoken = [i for i in piece.spoken if script.words[i].start_s < t_s]
    words = [bare(word) for word in shown_words(text)]
    matcher = SequenceMatcher(None, [bare(script.words[i].text) for i in spoken], words, autojunk=False)
    return [i for block in matcher.get_matching_blocks() for i in spoken[block.a : block.a + block.size]]


def _note(at: dict[int, float], t_s: float, words: Iterable[int]) -> None:
    """Remember ``t_s`` for the words that have no time yet."""
    for word in words:
        at.setdefault(word, t_s)


def _after_their_end(script: Script, at: dict[int, float]) -> tuple[float, ...]:
    words = script.words
    return tuple(t_s - words[i].end_s for i, t_s in sorted(at.items()) if not words[i].is_guessed)
