"""A window's text cut at its timestamps: pure.

whisper/transcribe.py@c0d2f62, the loop over windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from engine.alignment import WordTiming

TIMESTAMP_S = 0.02
"""From one timestamp to the next."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A stretch of text with its times.

    Attributes:
        start_s: seconds from the start of the window, or of the stream where an event tells of it.
        end_s: the same.
        text: what was said, without a space at either end.
        tokens: ids, timestamps included.
        temperature: at which the window's text was found.
        avg_logprob: mean log-probability of the window's tokens.
        compression_ratio: of the window's text.
        no_speech_prob: P(<|nospeech|>) of the window, 0 … 1.
    """

    start_s: float
    end_s: float
    text: str
    tokens: tuple[int, ...]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float

    def delayed(self, by_s: float) -> Segment:
        """Return the segment as heard ``by_s`` seconds later."""
        return replace(self, start_s=self.start_s + by_s, end_s=self.end_s + by_s)


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a window's text.

    Attributes:
        ids: its tokens, timestamps included.
        start_s: seconds from the start of the window.
        end_s: the same.
    """

    ids: tuple[int, ...]
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class CutText:
    """A window's text, cut at its timestamps.

    Attributes:
        pieces: what is complete.
        rest: what was begun behind them and not ended; a window that starts where it begins hears it whole.
        is_complete: whether the text ends with the time at which speech ended.
    """

    pieces: tuple[Piece, ...]
    rest: Piece | None
    is_complete: bool


def cut_at_timestamps(ids: Sequence[int], first_timestamp: int, duration_s: float) -> CutText:
    """Cut the text ``ids`` of a window wherever one segment ends and the next begins.

    Args:
        ids: tokens of the text, without the one that ends it.
        first_timestamp: the id of <|0.00|>.
        duration_s: seconds of audio in the window; no piece ends later.
    """

    def time_s(id: int) -> float:
        # A prefix stands before the first timestamp.
        return min(max(id - first_timestamp, 0) * TIMESTAMP_S, duration_s)

    is_time = [id >= first_timestamp for id in ids]
    is_complete = is_time[-2:] == [False, True]
    cuts = [i + 1 for i, (this, following) in enumerate(pairwise(is_time)) if this and following]
    if not cuts:
        last_s = max((time_s(id) for id in ids if id > first_timestamp), default=duration_s)
        return CutText((Piece(tuple(ids), 0.0, last_s),) if ids else (), None, is_complete)
    bounds = [0, *cuts, len(ids)]
    pieces = [Piece(tuple(ids[a:b]), time_s(ids[a]), time_s(ids[b - 1])) for a, b in pairwise(bounds[:-1])]
    last = tuple(ids[cuts[-1] :])
    if is_complete:
        return CutText((*pieces, Piece(last, time_s(last[0]), time_s(last[-1]))), None, is_complete)
    return CutText(tuple(pieces), Piece(last, time_s(last[0]), duration_s), is_complete)


def words_by_segment(segments: Sequence[Segment], words: Sequence[WordTiming]) -> list[tuple[WordTiming, ...]]:
    """Share out the words of a text to the segments that it begins with, in order."""
    shares, at = [], 0
    for segment in segments:
        wanted, begin = _n_letters(segment.text), at
        while wanted > 0 and at < len(words):
            wanted -= _n_letters(words[at].text)
            at += 1
        shares.append(tuple(words[begin:at]))
    return shares


def _n_letters(text: str) -> int:
    return len("".join(text.split()))
