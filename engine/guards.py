"""Signs that a text was not heard but made up."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

NO_SPEECH_THRESHOLD = 0.6
LOGPROB_THRESHOLD = -1.0
"""Both as in whisper/transcribe.py@c0d2f62: below, and with no speech probable, the text is not speech."""

_LONGEST_CYCLE = 16
_FEWEST_REPEATED_TOKENS = 12


def is_not_speech(no_speech_prob: float, avg_logprob: float) -> bool:
    """Tell whether the model itself doubts that there was speech."""
    return no_speech_prob > NO_SPEECH_THRESHOLD and avg_logprob < LOGPROB_THRESHOLD


def compression_ratio(text: str) -> float:
    """Return how many times smaller ``text`` becomes by zlib: high where it repeats itself."""
    content = text.encode()
    return len(content) / len(zlib.compress(content))


def is_loop(ids: Sequence[int]) -> bool:
    """Tell whether ``ids`` end by saying the same thing over and over.

    That is: the last tokens are at least three rounds of one cycle, twelve tokens or more in all.  A person says
    "no, no, no, no" or a telephone number full of zeros; nobody says a sentence three times in one breath.
    """
    return any(_repeats(ids, cycle) for cycle in range(1, min(_LONGEST_CYCLE, len(ids) // 3) + 1))


def _repeats(ids: Sequence[int], cycle: int) -> bool:
    n_last = max(3 * cycle, _FEWEST_REPEATED_TOKENS)
    last = list(ids[-n_last:])
    return len(last) == n_last and last[cycle:] == last[:-cycle]
