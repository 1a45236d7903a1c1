"""When each word was said, from what the decoder attends to while it writes the text.

A few heads of the decoder follow the audio: token by token, their attention lies where the word is heard.  Smoothed and
normalised, it is a cost that dynamic time warping turns into a path: monotonic in tokens and in time.
whisper/timing.py@c0d2f62; Radford et al. 2022 do not describe it.  Words join tokens at spaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

POSITION_S = 0.02
"""Seconds of audio an encoder position covers."""
_MEDIAN_WIDTH = 7


@dataclass(frozen=True, slots=True)
class WordTiming:
    """A word of the text.

    Attributes:
        text: with the space before it, if it has one.
        start_s: seconds from the start of the audio.
        end_s: the same.
        probability: mean probability of its tokens.
    """

    text: str
    start_s: float
    end_s: float
    probability: float


def token_starts(attention: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return when each token begins, and when the last ends: seconds, float64 (n_tokens,).

    Args:
        attention: float32 (n_heads, n_tokens, n_positions), each row a distribution over the audio; the last token is
            the end of the text, whose beginning is the end of the last word.
    """
    weights = (attention - attention.mean(axis=1, keepdims=True)) / (attention.std(axis=1, keepdims=True) + 1e-12)
    smooth = median_filter(weights, _MEDIAN_WIDTH)
    tokens, positions = dynamic_time_warping(-smooth.mean(axis=0))
    first = np.flatnonzero(np.diff(tokens, prepend=-1))
    return positions[first] * POSITION_S


def median_filter(x: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Return the running median over the last dimension, its ends mirrored; ``width`` is odd."""
    half = width // 2
    if x.shape[-1] <= half:
        return x
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(half, half)], mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=-1)
    result: NDArray[np.float32] = np.partition(windows, half, axis=-1)[..., half]
    return result


def dynamic_time_warping(cost: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the cheapest monotonic path through ``cost`` (n, m), as its indices along both dimensions.

    Cells of one anti-diagonal depend on the two before it alone, so a diagonal is one operation on arrays.
    Ties are broken as in whisper/timing.py: a step along both, then down, then to the right.
    """
    n, m = cost.shape
    total = np.full((n + 1, m + 1), np.inf)
    total[0, 0] = 0.0
    step = np.zeros((n + 1, m + 1), np.int8)
    for diagonal in range(2, n + m + 1):
        i = np.arange(max(1, diagonal - m), min(n, diagonal - 1) + 1)
        j = diagonal - i
        both, down, right = total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]
        choice = np.where((both < down) & (both < right), 0, np.where((down < both) & (down < right), 1, 2))
        step[i, j] = choice
        total[i, j] = cost[i - 1, j - 1] + np.choose(choice, [both, down, right])
    return _path(step)


def _path(step: NDArray[np.int8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Walk back from the last cell."""
    i, j = step.shape[0] - 1, step.shape[1] - 1
    step[0, :], step[:, 0] = 2, 1
    path = []
    while i > 0 or j > 0:
        path.append((i - 1, j - 1))
        taken = step[i, j]
        i, j = i - (taken != 2), j - (taken != 1)
    tokens, positions = np.array(path[::-1], np.int64).T
    return tokens, positions


def split_words(tokens: Sequence[bytes], *, by_spaces: bool) -> list[tuple[str, int]]:
    """Join text tokens to words: (text, number of tokens) each; whole characters always, and at spaces if asked.

    Languages without spaces have a word a character, as in whisper/tokenizer.py, split_to_word_tokens.
    """
    words: list[tuple[str, int]] = []
    pending = b""
    n_pending = 0
    for token in tokens:
        pending, n_pending = pending + token, n_pending + 1
        try:
            text = pending.decode()
        except UnicodeDecodeError:
            continue
        continues = by_spaces and words and not text.startswith(" ") and text.strip() and not _is_punctuation(text)
        if continues:
            words[-1] = (words[-1][0] + text, words[-1][1] + n_pending)
        else:
            words.append((text, n_pending))
        pending, n_pending = b"", 0
    if n_pending:
        words.append((pending.decode(errors="replace"), n_pending))
    return words


_PREPENDED = "\"'“¿([{-"
_APPENDED = "\"'.。,，!！?？:：”)]}、"


def _is_punctuation(text: str) -> bool:
    return text.strip() in _PREPENDED + _APPENDED


def join_punctuation(words: Sequence[WordTiming]) -> list[WordTiming]:
    """Give punctuation to the word it belongs to, which keeps its own times (whisper/timing.py, merge_punctuations)."""
    joined: list[WordTiming] = []
    before = ""
    for word in words:
        if word.text.startswith(" ") and word.text.strip() and word.text.strip() in _PREPENDED:
            before += word.text
        elif joined and word.text in _APPENDED and not joined[-1].text.endswith(" "):
            joined[-1] = _renamed(joined[-1], joined[-1].text + word.text)
        else:
            joined.append(_renamed(word, before + (word.text.lstrip() if before else word.text)))
            before = ""
    return joined


def _renamed(word: WordTiming, text: str) -> WordTiming:
    return WordTiming(text, word.start_s, word.end_s, word.probability)
