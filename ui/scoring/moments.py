"""A trace of a program that tells what is closed and what is open, but moves the bound between them as it likes.

Such a program shows "A B" as open, and later closes "A" while "B" stays open.  To a reader nothing has changed; as
pieces, B would have been taken from one and put into the next.  So an open text is cut, when all is known, where the
program cut it in the end.  The standard library alone: it runs in the programs' own environments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from ui.scoring.bare import bare
from ui.scoring.traces import Trace, View

_MOST_LEFT_OUT = 3
"""Words of a text that may be left out at once where the next text goes on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """All that is shown at one moment.

    Attributes:
        t_s: when, in seconds since the first sample was recorded.
        closed: the texts that are final, in their order; those of a later moment begin with these.
        open: what stands behind them.
        stable: how much of ``open``, from its beginning, stays until it is closed.
    """

    t_s: float
    closed: tuple[str, ...]
    open: str = ""
    stable: str = ""


def trace_of_moments(moments: Sequence[Moment]) -> Trace:
    """Return the trace: a piece of each closed text, and one of what is open at the last moment, which closes it."""
    if not moments:
        return []
    last = moments[-1]
    texts = (*last.closed, last.open)
    shown: dict[int, View] = {}
    trace: Trace = []
    for moment in moments:
        for view in _views(moment, texts, shown):
            shown[view.piece] = view
            trace.append(view)
    rest = shown.get(len(last.closed))
    if rest is not None:
        trace.append(View(t_s=last.t_s, piece=rest.piece, text=last.open, is_closed=True))
    return trace


def _views(moment: Moment, texts: Sequence[str], shown: dict[int, View]) -> list[View]:
    """What is new at ``moment`` to somebody who has seen ``shown``."""
    n_closed = len(moment.closed)
    views = [
        View(t_s=moment.t_s, piece=piece, text=moment.closed[piece], is_closed=True)
        for piece in range(n_closed)
        if piece not in shown or not shown[piece].is_closed
    ]
    words = moment.open.split()
    pieces = [n_closed + k for k in _owners(words, texts[n_closed:])]
    n_stable = len(moment.stable.split())
    for piece in sorted({*pieces, *(k for k, view in shown.items() if k >= n_closed and view.text)}):
        own = [i for i, owner in enumerate(pieces) if owner == piece]
        text = " ".join(words[i] for i in own)
        stable = " ".join(words[i] for i in own if i < n_stable)
        before = shown.get(piece)
        if before is None or (before.text, before.stable) != (text, stable):
            views.append(View(t_s=moment.t_s, piece=piece, text=text, stable=stable))
    return views


def _owners(words: Sequence[str], texts: Sequence[str]) -> list[int]:
    """To which of ``texts`` each of ``words`` came in the end, in rising order.

    A word that came to none stands where the word that replaced it does.
    """
    horizon = 2 * len(words) + 8  # the same words, much later, are others
    ahead = [(bare(word), k) for k, text in enumerate(texts) for word in text.split()][:horizon]
    if not ahead:
        return [0] * len(words)
    pairs = _near(_pairs([bare(word) for word in words], [word for word, _ in ahead]), [k for _, k in ahead])
    at: list[int] = []
    for (i, j), (next_i, next_j) in pairwise([(-1, -1), *pairs, (len(words), len(ahead))]):
        at += [j, *(min(j + n, next_j - 1, len(ahead) - 1) for n in range(1, next_i - i))]
    return [ahead[max(j, 0)][1] for j in at[1:]]


def _pairs(words: Sequence[str], ahead: Sequence[str]) -> list[tuple[int, int]]:
    matcher = SequenceMatcher(None, words, ahead, autojunk=False)
    return [(block.a + n, block.b + n) for block in matcher.get_matching_blocks() for n in range(block.size)]


def _near(pairs: Sequence[tuple[int, int]], owners: Sequence[int]) -> list[tuple[int, int]]:
    """Those of ``pairs`` that do not leave most of a text out to reach a word of the next one."""
    kept: list[tuple[int, int]] = []
    for i, j in pairs:
        last_i, last_j = kept[-1] if kept else (-1, -1)
        due = last_j + i - last_i
        if j - due <= _MOST_LEFT_OUT or owners[j] == owners[min(due, len(owners) - 1)]:
            kept.append((i, j))
    return kept
