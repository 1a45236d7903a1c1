"""The first and the last word of a segment, which take on the silence beside it; and the segment's own times.  Pure.

whisper/timing.py@c0d2f62, add_word_timestamps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.alignment import WordTiming
from engine.segments import Segment

_TOLERANCE_S = 0.5
"""Segments tell the time of a word better than its own alignment where the two differ by more."""


def with_true_edges(
    segment: Segment, words: Sequence[WordTiming], spoken_until_s: float, usual_s: float
) -> tuple[Segment, tuple[WordTiming, ...]]:
    """Return ``segment`` and its ``words`` without the silence before and behind them.

    Args:
        segment: from one of Whisper's timestamps to another.
        words: of the segment, in order, on the same axis; none where nobody asked for them.
        spoken_until_s: where speech ended before.
        usual_s: how long a word lasts.
    """
    if not words:
        return segment, ()
    # The end first: silence behind a word says nothing of the one before it.
    *between, last = words
    if last.start_s < segment.end_s < last.end_s - _TOLERANCE_S:
        last = replace(last, end_s=max(last.start_s + usual_s, segment.end_s))
    first, *others = (*between, last)
    if first.end_s - spoken_until_s > 4 * usual_s:
        first, others = _behind_a_pause(first, others, 2 * usual_s)
    if first.start_s + _TOLERANCE_S < segment.start_s < first.end_s:
        first = replace(first, start_s=max(0.0, min(first.end_s - usual_s, segment.start_s)))
    kept = (first, *others)
    return replace(segment, start_s=first.start_s, end_s=kept[-1].end_s), kept


def _behind_a_pause(
    first: WordTiming, others: list[WordTiming], longest_s: float
) -> tuple[WordTiming, list[WordTiming]]:
    """No word behind a pause is longer than ``longest_s``, nor the first two together than twice that."""
    is_long = first.end_s - first.start_s > longest_s
    are_long = bool(others) and others[0].end_s - first.start_s > 2 * longest_s
    if not (is_long or are_long):
        return first, others
    if others and others[0].end_s - others[0].start_s > longest_s:
        boundary_s = others[0].end_s - longest_s
        first, others = replace(first, end_s=boundary_s), [replace(others[0], start_s=boundary_s), *others[1:]]
    return replace(first, start_s=max(0.0, first.end_s - longest_s)), others
