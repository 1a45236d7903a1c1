"""Search beyond the most probable token: beams, and sampling at a temperature.  Pure loops, as ``engine.decoding``.

These need all of the logits, so they cost more than ``decode_greedily`` and see the rules applied here, by NumPy.
whisper/decoding.py@c0d2f62, BeamSearchDecoder, GreedyDecoder and MaximumLikelihoodRanker; patience is that of
Kasai et al. 2022, the length penalty that of Wu et al. 2016, §7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.decoding import DecodedText, DecodingTask, Row, TextDecoder
from engine.rules import UNRESTRICTED, Rule

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """What the rules need to know of a vocabulary.

    Attributes:
        filters: float32 (n_filters, n_vocab), added to logits before the pick.
        first_timestamp: it and all after it are timestamps.
    """

    filters: NDArray[np.float32]
    first_timestamp: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text on its way: its tokens, their log-probabilities, and whether the last of them is its end."""

    ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    has_ended: bool = False

    def extended(self, id: int, logprob: float, end_id: int) -> Candidate:
        """Return the candidate one token longer."""
        return Candidate((*self.ids, id), (*self.logprobs, logprob), id == end_id)

    def score(self, length_penalty: float | None) -> float:
        """The sum of log-probabilities, made independent of the length, in which the end does not count."""
        if not self.ids:
            return -np.inf
        length = max(1, len(self.ids) - self.has_ended)
        divisor = length if length_penalty is None else ((5 + length) / 6) ** length_penalty
        return sum(self.logprobs) / divisor


def allowed_logprobs(logits: NDArray[np.float32], rule: Rule, vocabulary: Vocabulary) -> NDArray[np.float32]:
    """Return log-probabilities float32 (n_vocab,) of what ``rule`` allows by ``logits`` (n_vocab,), -inf elsewhere.

    The same that the decoder graph does for the most probable token.
    """
    first = vocabulary.first_timestamp
    allowed = logits + vocabulary.filters[rule.filter]
    earliest, end = rule.times
    allowed[first : max(first, earliest)] = -np.inf
    allowed[max(first, end) :] = -np.inf
    text, time = allowed[:first], allowed[first:]
    if len(time) and _log_sum_exp(time) > text.max():
        text[:] = -np.inf
    result: NDArray[np.float32] = allowed - _log_sum_exp(allowed)
    return result


def decode_with_beams(
    decoder: TextDecoder,
    task: DecodingTask,
    vocabulary: Vocabulary,
    *,
    n_beams: int,
    patience: float = 1.0,
    length_penalty: float | None = None,
) -> DecodedText:
    """Decode ``task`` keeping the ``n_beams`` best texts at every step; ``decoder`` has that many rows of one window.

    Args:
        decoder: has seen nothing yet.
        task: its draft is of no use here.
        vocabulary: for the rules.
        n_beams: how many texts are kept.
        patience: ends when that many times ``n_beams`` texts have ended.
        length_penalty: None to divide by the length.
    """
    logits, no_speech_prob = _first_logits(decoder, task, n_beams)
    beams = [Candidate()]
    ended: list[Candidate] = []
    n_wanted = round(n_beams * patience)
    for _ in range(_max_tokens(task)):
        grown, parents = _best_extensions(beams, logits, task, vocabulary, n_beams, ended)
        if not grown or len(ended) >= n_wanted:
            break
        beams = grown
        decoder.rearrange(_padded(parents, n_beams))
        rows = [Row(_padded(beams, n_beams)[i].ids[-1:], [0], [UNRESTRICTED]) for i in range(n_beams)]
        logits = decoder.advance(rows).fetch_logits()[: len(beams), 0]
    unfinished = beams if len(ended) < n_beams else []
    best = max([*ended, *unfinished], key=lambda candidate: candidate.score(length_penalty))
    return _decoded(best, no_speech_prob, is_cut=len(best.ids) >= _max_tokens(task) and not best.has_ended)


def decode_by_sampling(
    decoder: TextDecoder,
    task: DecodingTask,
    vocabulary: Vocabulary,
    *,
    n_samples: int,
    temperature: float,
    random: np.random.Generator,
    length_penalty: float | None = None,
) -> DecodedText:
    """Draw ``n_samples`` texts at ``temperature`` and return the most probable; ``decoder`` has that many rows."""
    logits, no_speech_prob = _first_logits(decoder, task, n_samples)
    logits = np.repeat(logits, n_samples, axis=0)
    texts = [Candidate() for _ in range(n_samples)]
    for _ in range(_max_tokens(task)):
        for i, text in enumerate(texts):
            if not text.has_ended:
                logprobs = allowed_logprobs(logits[i], task.rules.rule_after((*task.prefix, *text.ids)), vocabulary)
                id = _drawn(logprobs, temperature, random)
                texts[i] = text.extended(id, float(logprobs[id]), task.end_id)
        if all(text.has_ended for text in texts):
            break
        logits = decoder.advance([Row(text.ids[-1:], [0], [UNRESTRICTED]) for text in texts]).fetch_logits()[:, 0]
    best = max(texts, key=lambda text: text.score(length_penalty))
    return _decoded(best, no_speech_prob, is_cut=not best.has_ended)


def _drawn(logprobs: NDArray[np.float32], temperature: float, random: np.random.Generator) -> int:
    """Draw a token by one random number: one for each token would take longer than the decoder's step."""
    odds = np.exp((logprobs - logprobs.max()) / temperature)
    up_to = np.cumsum(odds, dtype=np.float64)
    # Above 0, so that what cannot be is not drawn; and at most all of them.
    return int(np.searchsorted(up_to, (1.0 - random.random()) * up_to[-1]))


def _first_logits(decoder: TextDecoder, task: DecodingTask, n_rows: int) -> tuple[NDArray[np.float32], float]:
    """Pass the prompt through every row; return the logits behind it (1, n_vocab) and P(no speech)."""
    given = (*task.prompt, *task.prefix)
    rows = [Row(given, [task.sot_index, len(given) - 1], [UNRESTRICTED] * 2)] * n_rows
    prediction = decoder.advance(rows)
    return prediction.fetch_logits()[:1, 1], float(np.exp(prediction.no_speech[0, 0]))


def _best_extensions(
    beams: Sequence[Candidate],
    logits: NDArray[np.float32],
    task: DecodingTask,
    vocabulary: Vocabulary,
    n_beams: int,
    ended: list[Candidate],
) -> tuple[list[Candidate], list[int]]:
    """Return the best texts one token longer and the beams they continue; those that end go to ``ended``."""
    extensions: list[tuple[float, Candidate, int]] = []
    for parent, (beam, row) in enumerate(zip(beams, logits, strict=True)):
        logprobs = allowed_logprobs(row, task.rules.rule_after((*task.prefix, *beam.ids)), vocabulary)
        # One more than there are beams: one of them may be the end.
        n_best = min(n_beams + 1, len(logprobs))
        for id in np.argpartition(logprobs, -n_best)[-n_best:].tolist():
            if np.isfinite(logprobs[id]):
                candidate = beam.extended(id, float(logprobs[id]), task.end_id)
                extensions.append((sum(candidate.logprobs), candidate, parent))
    extensions.sort(key=lambda extension: -extension[0])
    grown: list[Candidate] = []
    parents: list[int] = []
    for _, candidate, parent in extensions:
        if candidate.ids[-1] == task.end_id:
            ended.append(candidate)
        else:
            grown.append(candidate)
            parents.append(parent)
        if len(grown) == n_beams:
            break
    return grown, parents


def _max_tokens(task: DecodingTask) -> int:
    return max(1, task.max_tokens - len(task.prefix))


def _padded(items: Sequence[T], n: int) -> list[T]:
    """``items`` and its first again, to fill ``n`` rows."""
    return [*items, *[items[0]] * (n - len(items))]


def _decoded(text: Candidate, no_speech_prob: float, *, is_cut: bool) -> DecodedText:
    ids = text.ids[:-1] if text.has_ended else text.ids
    return DecodedText(ids, text.logprobs, no_speech_prob, is_cut=is_cut)


def _log_sum_exp(x: NDArray[np.float32]) -> float:
    largest = float(x.max())
    return largest if np.isneginf(largest) else largest + float(np.log(np.exp(x - largest).sum()))
