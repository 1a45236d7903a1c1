"""When each word was said, from what the decoder attends to while it writes the text.

A few heads of the decoder follow the audio: token by token, their attention lies where the word is heard.  Smoothed and
normalised, it is a cost that dynamic time warping turns into a path: monotonic in tokens and in time.
whisper/timing.py@c0d2f62; Radford et al. 2022 do not describe it.  Words join tokens at spaces.
"""

from __future__ import annotations

import codecs
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

POSITION_S = 0.02
"""Seconds of audio an encoder position covers."""
_MEDIAN_WIDTH = 7
_USUAL_LONGEST_S = 0.7
_SENTENCE_ENDS = ".。!！?？"


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

    def delayed(self, by_s: float) -> WordTiming:
        """Return the word as heard ``by_s`` seconds later, or earlier: at 0 at the earliest."""
        return replace(self, start_s=max(0.0, self.start_s + by_s), end_s=max(0.0, self.end_s + by_s))


def align_words(
    scores: NDArray[np.float32],
    tokens: Sequence[bytes],
    logprobs: Sequence[float],
    *,
    by_spaces: bool = True,
    n_given: int = 0,
) -> list[WordTiming]:
    """Return the words of a text with their times, punctuation joined to the word it belongs to.

    Args:
        scores: float32 (n_heads, n_rows, n_positions), the alignment heads' attention before the softmax: a row for
            each token passed through the decoder: prompt, text and end.
        tokens: the text, a bytes string a token.
        logprobs: of the tokens.
        by_spaces: whether the language puts spaces between words.
        n_given: how many of the tokens are of a text before, whose words are left out.
    """
    if not tokens:
        return []
    boundaries = _token_boundaries(scores, len(tokens) + 1)
    given = split_words(tokens[:n_given], by_spaces=by_spaces)
    words, at = [], 0
    for text, n in [*given, *split_words(tokens[n_given:], by_spaces=by_spaces)]:
        probability = float(np.exp(logprobs[at : at + n]).mean())
        words.append(WordTiming(text, float(boundaries[at]), float(boundaries[at + n]), probability))
        at += n
    return join_punctuation(_without_pauses(words)[len(given) :])


def attended_positions(scores: NDArray[np.float32], n_tokens: int) -> NDArray[np.int64]:
    """Return where the model looked when it wrote each of the last ``n_tokens`` text tokens, int64 (n_tokens,).

    That is where the smoothed attention is strongest: AlignAtt (Papi et al. 2023, Simul-Whisper's reading of it).

    Args:
        scores: as for ``align_words``.
        n_tokens: how many tokens stand between the prompt and the end.
    """
    positions: NDArray[np.int64] = _attention(scores)[-n_tokens - 2 : -2].argmax(axis=-1)
    return positions


def _token_boundaries(scores: NDArray[np.float32], n_rows: int) -> NDArray[np.float64]:
    """When each token begins, the end of the text included: seconds, float64 (n_rows,)."""
    rows, positions = dynamic_time_warping(-_attention(scores)[-n_rows - 1 : -1])
    return positions[np.flatnonzero(np.diff(rows, prepend=-1))].astype(np.float64) * POSITION_S


def _attention(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where the successor of each row is heard: float32 (n_rows, n_positions), the heads smoothed and averaged."""
    attention = np.exp(scores - scores.max(axis=-1, keepdims=True))
    attention /= attention.sum(axis=-1, keepdims=True)
    weights = (attention - attention.mean(axis=1, keepdims=True)) / (attention.std(axis=1, keepdims=True) + 1e-9)
    heads: NDArray[np.float32] = median_filter(weights, _MEDIAN_WIDTH).mean(axis=0)
    return heads


def usual_length_s(words: Sequence[WordTiming]) -> float:
    """Return how long a word of a window lasts, in seconds: the median, and no more than people take."""
    lengths_s = [word.end_s - word.start_s for word in words if word.end_s > word.start_s]
    return min(_USUAL_LONGEST_S, median(lengths_s)) if lengths_s else 0.0


def _without_pauses(words: Sequence[WordTiming]) -> list[WordTiming]:
    """Cut the silence off that the path gave to the first or last word of a sentence (whisper/timing.py)."""
    longest_s = 2 * usual_length_s(words)
    cut = list(words)
    for i in range(1, len(cut)):
        if cut[i].end_s - cut[i].start_s > longest_s:
            if cut[i].text in _SENTENCE_ENDS:
                cut[i] = replace(cut[i], end_s=cut[i].start_s + longest_s)
            elif cut[i - 1].text in _SENTENCE_ENDS:
                cut[i] = replace(cut[i], start_s=cut[i].end_s - longest_s)
    return cut


def median_filter(x: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Return the running median over the last dimension, its ends mirrored; ``width`` is odd."""
    half = width // 2
    if x.shape[-1] <= half:
        return x
    # Row by row, what is compared stays in the cache.
    rows = x.reshape(-1, *x.shape[-2:]) if x.ndim > 1 else x[None]
    return np.stack([_median(row, width) for row in rows]).reshape(x.shape)


def _median(x: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    half, n = width // 2, x.shape[-1]
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(half, half)], mode="reflect")
    shifted = [padded[..., i : i + n] for i in range(width)]
    # The smallest comes first, then the next, up to the one in the middle: whole arrays at once, where a selection
    # in each window takes five times as long.
    for i in range(half + 1):
        for j in range(i + 1, width):
            lower = np.minimum(shifted[i], shifted[j])
            if i < half:
                shifted[j] = np.maximum(shifted[i], shifted[j])
            shifted[i] = lower
    return shifted[half]


def dynamic_time_warping(cost: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the cheapest monotonic path through ``cost`` (n, m), as its indices along both dimensions.

    Cells of one anti-diagonal depend on the two before it alone, so a diagonal is one operation on arrays.
    Ties are broken as in whisper/timing.py: a step along both, then down, then to the right.
    """
    n, m = cost.shape
    total, step = np.full((n + 1, m + 1), np.inf), np.zeros((n + 1, m + 1), np.int8)
    total[0, 0] = 0.0
    costs = np.zeros((n + 1, m + 1))
    costs[1:, 1:] = cost
    flat_total, flat_step, flat_cost = total.ravel(), step.ravel(), costs.ravel()
    for diagonal in range(2, n + m + 1):
        first, last = max(1, diagonal - m), min(n, diagonal - 1)
        # From one cell (i, diagonal - i) of the diagonal to the next it is m numbers.
        here = slice(first * m + diagonal, last * m + diagonal + 1, m)
        both = flat_total[here.start - m - 2 : here.stop - m - 2 : m]
        down = flat_total[here.start - m - 1 : here.stop - m - 1 : m]
        right = flat_total[here.start - 1 : here.stop - 1 : m]
        goes_down = (down < both) & (down < right)
        goes_both = (both < down) & (both < right)
        flat_step[here] = 2 - goes_down - 2 * goes_both
        flat_total[here] = flat_cost[here] + np.where(goes_both, both, np.where(goes_down, down, right))
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
    for text, n_tokens in _whole_characters(tokens):
        if by_spaces and words and not text.startswith(" ") and text.strip() not in string.punctuation:
            words[-1] = (words[-1][0] + text, words[-1][1] + n_tokens)
        else:
            words.append((text, n_tokens))
    return words


def _whole_characters(tokens: Sequence[bytes]) -> Iterator[tuple[str, int]]:
    """Yield as few tokens at a time as end with a whole character: their text, and how many; a mark for no UTF-8."""
    begun, n_begun = b"", 0
    for token in tokens:
        if begun and _is_broken(begun + token):
            yield begun.decode(errors="replace"), n_begun
            begun, n_begun = b"", 0
        begun, n_begun = begun + token, n_begun + 1
        if _is_broken(begun) or not _is_begun(begun):
            yield begun.decode(errors="replace"), n_begun
            begun, n_begun = b"", 0
    if n_begun:
        yield begun.decode(errors="replace"), n_begun


def _is_begun(content: bytes) -> bool:
    """Whether the last character is still to be ended."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(content)
    return bool(decoder.getstate()[0])


def _is_broken(content: bytes) -> bool:
    """Whether there is what no character has, whatever follows."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(content)
    except UnicodeDecodeError:
        return True
    return False


_PREPENDED = "\"'“¿([{-"
_APPENDED = "\"'.。,，!！?？:：”)]}、"


def join_punctuation(words: Sequence[WordTiming]) -> list[WordTiming]:
    """Give punctuation to the word it belongs to, which keeps its own times (whisper/timing.py, merge_punctuations)."""
    joined: list[WordTiming] = []
    before = ""
    for i, word in enumerate(words):
        is_opening = word.text.startswith(" ") and word.text.strip() and word.text.strip() in _PREPENDED
        if is_opening and i + 1 < len(words):
            before += word.text
        elif joined and word.text in _APPENDED and not joined[-1].text.endswith(" "):
            joined[-1] = replace(joined[-1], text=joined[-1].text + word.text)
        else:
            joined.append(replace(word, text=before + word.text))
            before = ""
    return joined
