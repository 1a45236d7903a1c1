"""Beams and samples over a scripted distribution, held against an exhaustive search."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.decoding import DecodingTask, Prediction, Row
from engine.rules import Filter, PlainText, Rule, TimedText
from engine.search import Vocabulary, allowed_logprobs, decode_by_sampling, decode_with_beams

N_VOCAB, END, FIRST_TIME = 9, 5, 7
PROMPT = (6, 6)
NO_FILTERS = Vocabulary(np.zeros((len(Filter), N_VOCAB), np.float32), FIRST_TIME)


class MarkovDecoder:
    """Logits that depend on the last two tokens of a row and on nothing else; remembers each row like a cache."""

    def __init__(self, n_rows: int, seed: int = 0, sharpness: float = 2.0) -> None:
        self._logits = np.random.default_rng(seed).normal(0, sharpness, (N_VOCAB, N_VOCAB, N_VOCAB)).astype(np.float32)
        self._seen: list[list[int]] = [[] for _ in range(n_rows)]

    def advance(self, rows: Sequence[Row]) -> Prediction:
        logits = np.zeros((len(rows), max(len(row.sampled) for row in rows), N_VOCAB), np.float32)
        for i, row in enumerate(rows):
            n_past = len(self._seen[i])
            self._seen[i] += row.tokens
            for j, at in enumerate(row.sampled):
                logits[i, j] = self.after(self._seen[i][: n_past + at + 1])
        flat = np.zeros(logits.shape[:2])
        return Prediction(
            flat.astype(np.int64), flat.astype(np.float32), np.full_like(flat, np.log(0.5)), lambda: logits
        )

    def after(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        last = [0, *tokens][-2:]
        result: NDArray[np.float32] = self._logits[last[0], last[1]]
        return result

    def truncate(self, n_tokens: Sequence[int]) -> None:
        raise NotImplementedError

    def keep(self, rows: Sequence[int]) -> bool:
        raise NotImplementedError

    def rearrange(self, rows: Sequence[int]) -> None:
        self._seen = [list(self._seen[i]) for i in rows]


def task(max_tokens: int, prefix: tuple[int, ...] = ()) -> DecodingTask:
    return DecodingTask(PROMPT, 0, END, max_tokens, prefix)


def best_of_all(decoder: MarkovDecoder, max_tokens: int) -> tuple[float, tuple[int, ...]]:
    """The best mean log-probability of any text that ends within ``max_tokens``."""
    scored = []
    for n in range(max_tokens):
        for text in product([i for i in range(FIRST_TIME) if i != END], repeat=n):
            ids = (*text, END)
            logprobs = [
                allowed_logprobs(decoder.after((*PROMPT, *ids[:i])), PlainText().rule_after(ids[:i]), NO_FILTERS)[id]
                for i, id in enumerate(ids)
            ]
            scored.append((sum(logprobs) / len(ids), text))
    return max(scored)


@pytest.mark.parametrize("seed", range(8))
def test_enough_beams_find_the_best_text(seed: int) -> None:
    decoder = MarkovDecoder(60, seed)
    found = decode_with_beams(decoder, task(3), NO_FILTERS, n_beams=60, patience=20.0)
    score, text = best_of_all(decoder, 3)

    assert text == found.ids or len(found.logprobs) == len(found.ids)
    assert np.mean(found.logprobs) >= score - 1e-6
    assert 0.5 == pytest.approx(found.no_speech_prob)


@pytest.mark.parametrize("seed", range(8))
def test_a_beam_alone_is_greedy(seed: int) -> None:
    decoder = MarkovDecoder(1, seed)
    found = decode_with_beams(decoder, task(12), NO_FILTERS, n_beams=1)
    ids: list[int] = []
    while len(ids) < 12 and (not ids or ids[-1] != END):
        rule = PlainText().rule_after(ids)
        ids.append(int(allowed_logprobs(decoder.after((*PROMPT, *ids)), rule, NO_FILTERS).argmax()))

    assert ids == [*found.ids, END][: len(ids)]


def test_a_length_penalty_favours_short_texts() -> None:
    texts = [
        decode_with_beams(MarkovDecoder(8, seed), task(10), NO_FILTERS, n_beams=8, patience=4.0, length_penalty=penalty)
        for penalty in (0.0, 1.0)
        for seed in range(10)
    ]
    n_tokens = [len(text.ids) for text in texts]

    assert sum(n_tokens[:10]) < sum(n_tokens[10:])


def test_a_prefix_is_kept_and_counts() -> None:
    found = decode_with_beams(MarkovDecoder(3), task(5, prefix=(1, 2)), NO_FILTERS, n_beams=3)

    assert len(found.ids) <= 3


def test_samples_follow_the_temperature() -> None:
    def texts(temperature: float) -> list[tuple[int, ...]]:
        return [
            decode_by_sampling(
                MarkovDecoder(1), task(6), NO_FILTERS,
                n_samples=1, temperature=temperature, random=np.random.default_rng(seed),
            ).ids
            for seed in range(40)
        ]  # fmt: skip

    assert 1 == len(set(texts(0.01)))
    assert 10 < len(set(texts(1.0)))
    assert texts(1.0) == texts(1.0)


class ConstantRandom:
    """Draws the same number each time."""

    def __init__(self, number: float) -> None:
        self.number = number

    def random(self) -> float:
        return self.number


@pytest.mark.parametrize("number", [0.0, 0.5, 1.0 - 2.0**-53])
def test_what_is_not_allowed_is_never_drawn(number: float) -> None:
    """The first and the last token of the vocabulary, where the least and the greatest number fall."""
    filters = np.zeros((len(Filter), N_VOCAB), np.float32)
    filters[:, [0, N_VOCAB - 1]] = -np.inf

    found = decode_by_sampling(
        MarkovDecoder(1), task(6), Vocabulary(filters, FIRST_TIME),
        n_samples=1, temperature=1.0, random=ConstantRandom(number),
    )  # fmt: skip

    assert not {0, N_VOCAB - 1} & set(found.ids)
    assert all(np.isfinite(found.logprobs))


def test_the_best_of_more_samples_is_better() -> None:
    def mean_logprob(n_samples: int) -> float:
        found = [
            decode_by_sampling(
                MarkovDecoder(n_samples), task(6), NO_FILTERS,
                n_samples=n_samples, temperature=1.0, random=np.random.default_rng(seed),
            )
            for seed in range(20)
        ]  # fmt: skip
        return float(np.mean([np.mean(text.logprobs) for text in found]))

    assert mean_logprob(1) + 0.2 < mean_logprob(8)


def test_rules_apply_here_as_in_the_graph() -> None:
    logits = np.array([1, 2, 3, 4, 5, 0, 0, 9, 2], np.float32)
    filters = np.zeros((len(Filter), N_VOCAB), np.float32)
    filters[Filter.AT_START, 4] = -np.inf
    vocabulary = Vocabulary(filters, FIRST_TIME)

    def finite(rule: Rule) -> list[int]:
        logprobs = allowed_logprobs(logits, rule, vocabulary)
        assert pytest.approx(1.0) == np.exp(logprobs).sum()
        return np.flatnonzero(np.isfinite(logprobs)).tolist()

    assert [0, 1, 2, 3, 5, 6] == finite(Rule(Filter.AT_START))
    assert [0, 1, 2, 3, 4, 5, 6, 8] == finite(Rule(Filter.ANYWHERE, (8, 9)))
    # The timestamps together outweigh every word: only they are left.
    assert [7, 8] == finite(Rule(Filter.ANYWHERE, (7, 9)))


def test_times_never_go_back() -> None:
    rules = TimedText(FIRST_TIME, N_VOCAB)
    for seed in range(10):
        decoder = MarkovDecoder(4, seed)
        timed = DecodingTask(PROMPT, 0, END, 12, rules=rules)
        found = decode_with_beams(decoder, timed, NO_FILTERS, n_beams=4)
        times = [id for id in found.ids if id >= FIRST_TIME]
        assert sorted(times) == times
