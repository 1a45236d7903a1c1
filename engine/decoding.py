"""Greedy decoding with draft verification: a pure loop over whatever can predict next tokens.

Knows token ids only: no text, no audio, no MAX.  The rules a pick must obey are rows of the model's filter table,
applied where the logits are; here it is only said which row holds where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Filter(IntEnum):
    """Rows of the filter table."""

    ANYWHERE = 0
    """Rules for every position of a text: the checkpoint's suppressed tokens, and every timestamp."""
    AT_START = 1
    """The same, and those for the first token of a text: no blank, no end."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What may follow each sampled position.

    Attributes:
        ids: int64 (n_sampled,), the most probable token the filter allows.
        logprobs: float32 (n_sampled,), its log-probability among those allowed.
        no_speech: float32 (n_sampled,), log-probability of <|nospeech|>, unfiltered.
    """

    ids: NDArray[np.int64]
    logprobs: NDArray[np.float32]
    no_speech: NDArray[np.float32]


class TextDecoder(Protocol):
    """A decoder over one window of encoded audio; it remembers the tokens it was given."""

    def advance(self, tokens: Sequence[int], sampled: Sequence[int], filters: Sequence[Filter]) -> Prediction:
        """Append ``tokens`` and predict the successors of those at the indices ``sampled``."""

    def truncate(self, n_tokens: int) -> None:
        """Forget all but the first ``n_tokens`` tokens."""


@dataclass(frozen=True, slots=True)
class DecodingTask:
    """One text to decode.

    Attributes:
        prompt: the SOT sequence and whatever stands before it; the text follows.
        sot_index: where <|startoftranscript|> stands in ``prompt``.
        end_id: the token that ends a text.
        max_tokens: longest text.
        prefix: how the text must begin.
        draft: a guess at what follows, verified in one pass; it never changes the outcome, only the time it takes.
    """

    prompt: tuple[int, ...]
    sot_index: int
    end_id: int
    max_tokens: int
    prefix: tuple[int, ...] = ()
    draft: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DecodedText:
    """The outcome of a task.

    Attributes:
        ids: tokens of the text behind the prefix, without the closing end token.
        logprobs: one for each of ``ids``, and one for the end token if the text ended by itself.
        no_speech_prob: P(<|nospeech|>) at the SOT position.
        n_verified: how many of the draft's tokens were right.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    no_speech_prob: float
    n_verified: int


def decode_greedily(decoder: TextDecoder, task: DecodingTask) -> DecodedText:
    """Decode ``task``: the most probable token at every step.

    One pass runs over prompt and draft together and predicts a successor at every position of the draft; the draft
    is right as far as those predictions repeat it.  From there on it is a token a pass.
    Draft verification: docs/decisions/0005-draft-verification.md; the rest is whisper/decoding.py@c0d2f62.
    """
    given = (*task.prompt, *task.prefix)
    max_tokens = max(1, task.max_tokens - len(task.prefix))
    draft = task.draft[: max_tokens - 1]
    sampled = [task.sot_index, *range(len(given) - 1, len(given) + len(draft))]
    first_filter = Filter.ANYWHERE if task.prefix else Filter.AT_START
    first = decoder.advance([*given, *draft], sampled, [Filter.ANYWHERE, first_filter, *[Filter.ANYWHERE] * len(draft)])
    n_verified = _n_agreeing(draft, first.ids[1:])
    decoder.truncate(len(given) + n_verified)
    ids = first.ids[1 : n_verified + 2].tolist()
    logprobs = first.logprobs[1 : n_verified + 2].tolist()
    while ids[-1] != task.end_id and len(ids) < max_tokens:
        following = decoder.advance(ids[-1:], [0], [Filter.ANYWHERE])
        ids.append(int(following.ids[0]))
        logprobs.append(float(following.logprobs[0]))
    text = ids[:-1] if ids[-1] == task.end_id else ids
    return DecodedText(tuple(text), tuple(logprobs), float(np.exp(first.no_speech[0])), n_verified)


def _n_agreeing(draft: Sequence[int], predicted: NDArray[np.int64]) -> int:
    """How many tokens of ``draft`` are what was predicted in their place."""
    for i, (guess, truth) in enumerate(zip(draft, predicted.tolist(), strict=False)):
        if guess != truth:
            return i
    return len(draft)
