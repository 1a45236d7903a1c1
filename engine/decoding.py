"""Greedy decoding of any number of texts at once, with draft verification: a pure loop over whatever can predict.

Knows token ids only: no text, no audio, no MAX.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.guards import is_loop
from engine.rules import PLAIN_TEXT, UNRESTRICTED, Rule, TextRules


@dataclass(frozen=True, slots=True)
class Row:
    """What one text brings to a pass.

    Attributes:
        tokens: the new ones; may be none.
        sampled: indices among them whose successors are wanted.
        rules: one for each of ``sampled``.
    """

    tokens: Sequence[int]
    sampled: Sequence[int]
    rules: Sequence[Rule]


NOTHING = Row((), (), ())
"""Of a text that is complete."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What may follow each sampled position; rows with fewer positions are padded behind.

    Attributes:
        ids: int64 (n_rows, n_sampled), the most probable token the rule allows.
        logprobs: float32 (n_rows, n_sampled), its log-probability among those allowed.
        no_speech: float32 (n_rows, n_sampled), log-probability of <|nospeech|>, without a rule.
        fetch_logits: returns float32 (n_rows, n_sampled, n_vocab), without a rule.
    """

    ids: NDArray[np.int64]
    logprobs: NDArray[np.float32]
    no_speech: NDArray[np.float32]
    fetch_logits: Callable[[], NDArray[np.float32]]


class TextDecoder(Protocol):
    """A decoder over encoded audio, a row a text; it remembers the tokens it was given."""

    def advance(self, rows: Sequence[Row]) -> Prediction:
        """Append the tokens of every row and predict the successors of the sampled ones."""

    def truncate(self, n_tokens: Sequence[int]) -> None:
        """Forget all but the first ``n_tokens`` of each row."""

    def keep(self, rows: Sequence[int]) -> bool:
        """Go on with ``rows`` alone, if that is worth its cost; return whether it was."""

    def rearrange(self, rows: Sequence[int]) -> None:
        """Let row i go on from what row ``rows[i]`` remembers; all rows look at one window."""


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
        rules: with or without timestamps.
        ends_loops: whether the text ends where it has become a loop, since nobody will keep it.
    """

    prompt: tuple[int, ...]
    sot_index: int
    end_id: int
    max_tokens: int
    prefix: tuple[int, ...] = ()
    draft: tuple[int, ...] = ()
    rules: TextRules = PLAIN_TEXT
    ends_loops: bool = False


@dataclass(frozen=True, slots=True)
class DecodedText:
    """The outcome of a task.

    Attributes:
        ids: tokens of the text behind the prefix, without the closing end token.
        logprobs: one for each of ``ids``, and one for the end token if the text ended by itself.
        no_speech_prob: P(<|nospeech|>) at the SOT position.
        n_verified: how many of the draft's tokens were right.
        is_cut: whether the text did not end by itself: it filled its room, or was a loop.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    no_speech_prob: float
    n_verified: int = 0
    is_cut: bool = False


def decode_greedily(decoder: TextDecoder, tasks: Sequence[DecodingTask]) -> list[DecodedText]:
    """Decode ``tasks``, one a row of ``decoder``: the most probable token at every step.

    One pass runs over prompt and draft together and predicts a successor at every position of the draft; the draft
    is right as far as those predictions repeat it.  From there on it is a token a pass.
    Draft verification: docs/decisions/0005-draft-verification.md; the rest is whisper/decoding.py@c0d2f62.
    """
    texts = [_Text(task) for task in tasks]
    first = decoder.advance([text.first_row() for text in texts])
    for i, text in enumerate(texts):
        text.receive_first(first.ids[i].tolist(), first.logprobs[i].tolist(), float(first.no_speech[i, 0]))
    decoder.truncate([text.n_cached for text in texts])
    rows = texts
    while unfinished := [i for i, text in enumerate(rows) if not text.is_done]:
        if len(unfinished) < len(rows) and decoder.keep(unfinished):
            rows = [rows[i] for i in unfinished]
        following = decoder.advance([text.next_row() for text in rows])
        for text, ids, logprobs in zip(rows, following.ids, following.logprobs, strict=True):
            text.receive_next(int(ids[0]), float(logprobs[0]))
    return [text.decoded() for text in texts]


class _Text:
    """One text while it grows."""

    def __init__(self, task: DecodingTask) -> None:
        self._task = task
        self._given = (*task.prompt, *task.prefix)
        self._max_tokens = max(1, task.max_tokens - len(task.prefix))
        self._draft = task.draft[: self._max_tokens - 1]
        self._ids: list[int] = []
        self._logprobs: list[float] = []
        self._no_speech = 0.0
        self._n_verified = 0
        self._is_loop = False

    @property
    def is_done(self) -> bool:
        is_full = len(self._ids) >= self._max_tokens
        return is_full or self._is_loop or (bool(self._ids) and self._ids[-1] == self._task.end_id)

    @property
    def n_cached(self) -> int:
        """Of the tokens of the first row, how many the decoder is to remember."""
        return len(self._given) + self._n_verified

    def first_row(self) -> Row:
        task, n_given = self._task, len(self._given)
        sampled = [task.sot_index, *range(n_given - 1, n_given + len(self._draft))]
        texts = [(*task.prefix, *self._draft[:i]) for i in range(len(self._draft) + 1)]
        return Row([*self._given, *self._draft], sampled, [UNRESTRICTED, *map(task.rules.rule_after, texts)])

    def receive_first(self, ids: list[int], logprobs: list[float], no_speech: float) -> None:
        self._n_verified = _n_agreeing(self._draft, ids[1:])
        self._ids, self._logprobs = ids[1 : self._n_verified + 2], logprobs[1 : self._n_verified + 2]
        self._no_speech = no_speech
        for n_ids in range(1, len(self._ids) + 1):
            self._end_loop(n_ids)

    def next_row(self) -> Row:
        if self.is_done:
            return NOTHING
        return Row(self._ids[-1:], [0], [self._task.rules.rule_after((*self._task.prefix, *self._ids))])

    def receive_next(self, id: int, logprob: float) -> None:
        if not self.is_done:
            self._ids.append(id)
            self._logprobs.append(logprob)
            self._end_loop(len(self._ids))

    def _end_loop(self, n_ids: int) -> None:
        """End the text behind its first ``n_ids`` tokens if they are a loop that is to end."""
        if self._task.ends_loops and not self._is_loop and is_loop(self._ids[:n_ids]):
            self._is_loop, self._n_verified = True, min(self._n_verified, n_ids)
            self._ids, self._logprobs = self._ids[:n_ids], self._logprobs[:n_ids]

    def decoded(self) -> DecodedText:
        has_ended = self._ids[-1] == self._task.end_id
        ids = self._ids[:-1] if has_ended else self._ids
        no_speech = float(np.exp(self._no_speech))
        return DecodedText(tuple(ids), tuple(self._logprobs), no_speech, self._n_verified, is_cut=not has_ended)


def _n_agreeing(draft: Sequence[int], predicted: Sequence[int]) -> int:
    """How many tokens of ``draft`` are what was predicted in their place."""
    for i, (guess, truth) in enumerate(zip(draft, predicted, strict=False)):
        if guess != truth:
            return i
    return len(draft)
