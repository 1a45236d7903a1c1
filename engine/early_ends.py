"""Texts that end before the speech does: Whisper closes a text behind a sentence, and a voice goes on.  Pure.

It doubts such an end, and what it writes where it may not end is new; where speech is over it repeats itself.
docs/decisions/0024-early-ends.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.alignment import POSITION_S
from engine.decoding import DecodedText
from engine.guards import is_loop, runs_of

_SHORTEST_POSITIONS = 400
"""Eight seconds: in less there is hardly a second sentence."""
_DOUBTED_LOGPROB = -0.25
MOST_TOKENS = 64
_FEWEST_TOKENS = 5
_FIRST_LOGPROB, _OTHERS_LOGPROB = -1.5, -0.2
_FEW_TOKENS_PER_S, _OTHERS_OF_FEW_LOGPROB = 2.0, -0.6
"""Where so little was heard of so much audio, the rest need not be so sure."""
_RUN_TOKENS = 3
_MOST_OLD_RUNS = 0.3


def may_be_early(text: DecodedText, n_positions: int) -> bool:
    """Return whether the model doubts that ``text``, of so many positions of audio, ends where it does."""
    return n_positions >= _SHORTEST_POSITIONS and not text.is_cut and text.logprobs[-1] < _DOUBTED_LOGPROB


def with_rest(text: DecodedText, rest: DecodedText, before: Sequence[int], n_positions: int) -> DecodedText:
    """Return ``text`` and ``rest``, what the model wrote where it might not end; without, where that was not heard.

    Args:
        text: as it ended.
        rest: what may follow.
        before: ids of the text before, which ``rest`` may repeat.
        n_positions: of audio, for all of them.
    """
    has_few = len(before) + len(text.ids) < _FEW_TOKENS_PER_S * POSITION_S * n_positions
    others_logprob = _OTHERS_OF_FEW_LOGPROB if has_few else _OTHERS_LOGPROB
    if not (_is_sure(rest, others_logprob) and _is_new(rest.ids, (*before, *text.ids))):
        return text
    logprobs = (*text.logprobs[: len(text.ids)], *rest.logprobs)
    return replace(text, ids=(*text.ids, *rest.ids), logprobs=logprobs)


def _is_sure(rest: DecodedText, others_logprob: float) -> bool:
    if len(rest.ids) < _FEWEST_TOKENS or rest.is_cut or is_loop(rest.ids):
        return False
    return rest.logprobs[0] > _FIRST_LOGPROB and float(np.mean(rest.logprobs[1:])) > others_logprob


def _is_new(ids: Sequence[int], before: Sequence[int]) -> bool:
    known = set(runs_of(before, _RUN_TOKENS))
    runs = runs_of(ids, _RUN_TOKENS)
    return sum(run in known for run in runs) <= _MOST_OLD_RUNS * len(runs)
