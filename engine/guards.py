"""Signs that a text was not heard but made up."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

LOGPROB_THRESHOLD = -0.5
"""On average over a text; below it the model doubts what it heard."""
_NO_SPEECH_THRESHOLD = 0.3
_NO_SPEECH_OF_THE_IMPROBABLE = 0.2
"""No-speech probability up to which a text is speech; clean speech has 0.14 at most with tiny.en, 0.26 with base."""
_DOUBT_THRESHOLD = 0.7
_SURENESS_WEIGHT = 0.3
"""No-speech probability less this times the average log-probability is the doubt about a short text.

Measured (docs/decisions/0015-nothing-invented.md): 0.73 or more of whatever was made up of silence, noise or music, but
for loops, with tiny.en and base; less of nearly all that was said, in loud noise too.
"""
_FEW_TOKENS = 12
"""What is made up is short, or else a loop or a text that the model itself finds improbable or that repeats itself."""
_REJECTED_LOGPROB, _REJECTED_COMPRESSION = -1.0, 2.4
"""The limits by which whisper/transcribe.py@c0d2f62 rejects a text: one that is so after all temperatures was drawn."""

_FEWEST_KINDS = 0.35
"""Of a text so few of whose tokens differ: too short for its compression to tell, as "No, no, no. No, no, no."."""

_LONGEST_CYCLE = 16
_FEWEST_REPEATED_TOKENS = 12
_FEWEST_MONOTONOUS_TOKENS = 60
_RUN_TOKENS = 8
_LEAST_NEW_RUNS = 0.6
_SENTENCE_TOKENS = 6


def is_not_speech(no_speech_prob: float, avg_logprob: float, ids: Sequence[int], text: str) -> bool:
    """Tell whether there was no speech: the model itself doubts it, and its text is no better than made up."""
    is_improbable = avg_logprob < _REJECTED_LOGPROB
    if no_speech_prob <= (_NO_SPEECH_OF_THE_IMPROBABLE if is_improbable else _NO_SPEECH_THRESHOLD):
        return False
    if is_improbable or is_loop(ids):
        return True
    if len(ids) > _FEW_TOKENS:
        return compression_ratio(text) > _REJECTED_COMPRESSION or len(set(ids)) < _FEWEST_KINDS * len(ids)
    return no_speech_prob - _SURENESS_WEIGHT * avg_logprob > _DOUBT_THRESHOLD


def compression_ratio(text: str) -> float:
    """Return how many times smaller ``text`` becomes by zlib, a byte a letter: high where it repeats itself.

    whisper/utils.py@c0d2f62, but that it takes UTF-8, where every letter of Hindi begins with the same two bytes: a
    sentence said once comes to 2.4 there, which is the limit.
    """
    content = bytes(ord(letter) & 0xFF for letter in text)
    return len(content) / len(zlib.compress(content))


def is_loop(ids: Sequence[int]) -> bool:
    """Tell whether ``ids`` say the same thing over and over.

    That is: the last tokens are at least three rounds of one cycle, twelve tokens or more in all; or two of five runs
    of eight tokens stand in a long text before.  A person says "no, no, no, no" or a telephone number full of zeros;
    nobody says a sentence three times in one breath.
    """
    return _is_monotonous(ids) or any(
        _repeats(ids, cycle) for cycle in range(1, min(_LONGEST_CYCLE, len(ids) // 3) + 1)
    )


def _is_monotonous(ids: Sequence[int]) -> bool:
    """Whether a long text has few runs of tokens: a loop that is not the same each round."""
    if len(ids) < _FEWEST_MONOTONOUS_TOKENS:
        return False
    runs = runs_of(ids, _RUN_TOKENS)
    return len(set(runs)) < _LEAST_NEW_RUNS * len(runs)


def says_twice(ids: Sequence[int]) -> bool:
    """Tell whether a sentence, of six tokens or more, is followed by itself: the shortest of loops, or insistence."""
    seen: dict[tuple[int, ...], int] = {}
    for end, run in enumerate(runs_of(ids, _SENTENCE_TOKENS)):
        begin = seen.get(run, end)
        if end - begin >= _SENTENCE_TOKENS and tuple(ids[begin:end]) == tuple(ids[end : 2 * end - begin]):
            return True
        seen[run] = end
    return False


def runs_of(ids: Sequence[int], n_tokens: int) -> list[tuple[int, ...]]:
    """Return every run of ``n_tokens`` in ``ids``, in order: n-grams."""
    return [tuple(ids[i : i + n_tokens]) for i in range(len(ids) - n_tokens + 1)]


def _repeats(ids: Sequence[int], cycle: int) -> bool:
    n_last = max(3 * cycle, _FEWEST_REPEATED_TOKENS)
    last = list(ids[-n_last:])
    return len(last) == n_last and last[cycle:] == last[:-cycle]
