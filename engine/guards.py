"""Signs that a text was not heard but made up."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

NO_SPEECH_THRESHOLD = 0.3
LOGPROB_THRESHOLD = -0.5
"""Above the one and below the other there was no speech (docs/decisions/0015-nothing-invented.md).

Measured: no utterance of real speech had a no-speech probability above 0.14 with tiny.en (172 utterances) or 0.26 with
base (95), and whatever was made up of silence, noise or music had one above 0.39 and a log-probability below -0.6, but
for loops.  whisper/transcribe.py@c0d2f62 has 0.6 and -1.0, and lets "you" through.
"""

_LONGEST_CYCLE = 16
_FEWEST_REPEATED_TOKENS = 12


def is_not_speech(no_speech_prob: float, avg_logprob: float, ids: Sequence[int] = ()) -> bool:
    """Tell whether the model itself doubts that there was speech: by what it thinks of the text, or by a loop."""
    return no_speech_prob > NO_SPEECH_THRESHOLD and (avg_logprob < LOGPROB_THRESHOLD or is_loop(ids))


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
