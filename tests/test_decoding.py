"""The decoding loop over a scripted decoder: drafts change the time it takes, never the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.decoding import DecodedText, DecodingTask, Prediction, Row, decode_greedily
from engine.guards import is_loop
from engine.rules import Filter

END = 99
PROMPT = (90, 91)


class ScriptedDecoder:
    """Predicts, a row, the next token of its text while that is followed, and nonsense (77) once it is not.

    Holds every call against the rules a cache has: positions are consecutive, and what is truncated is forgotten.
    Going on with fewer rows is worth it or not as it is told.
    """

    def __init__(self, texts: Sequence[Sequence[int]], *, is_worth_keeping: bool = True) -> None:
        self._scripts = [[*PROMPT, *text, END] for text in texts]
        self._seen: list[list[int]] = [[] for _ in texts]
        self._is_worth_keeping = is_worth_keeping
        self.n_passes = 0
        self.n_rows: list[int] = []
        self.filters: list[Filter] = []

    def advance(self, rows: Sequence[Row]) -> Prediction:
        assert len(rows) == len(self._seen)
        self.n_passes += 1
        self.n_rows.append(len(rows))
        self.filters += [rule.filter for rule in rows[0].rules]
        n_sampled = max(len(row.sampled) for row in rows)
        ids = np.zeros((len(rows), n_sampled), np.int64)
        for i, row in enumerate(rows):
            n_past = len(self._seen[i])
            self._seen[i] += row.tokens
            ids[i, : len(row.sampled)] = [self._next(i, n_past + at + 1) for at in row.sampled]
        logprobs, no_speech = -0.01 * ids.astype(np.float32), np.full(ids.shape, np.log(0.25), np.float32)
        return Prediction(ids, logprobs, no_speech, lambda: np.zeros((*ids.shape, 100), np.float32))

    def truncate(self, n_tokens: Sequence[int]) -> None:
        self._seen = [seen[:n] for seen, n in zip(self._seen, n_tokens, strict=True)]

    def keep(self, rows: Sequence[int]) -> bool:
        if self._is_worth_keeping:
            self._seen, self._scripts = [self._seen[i] for i in rows], [self._scripts[i] for i in rows]
        return self._is_worth_keeping

    def _next(self, row: int, n: int) -> int:
        script = self._scripts[row]
        return script[n] if self._seen[row][:n] == script[:n] else 77


def task(draft: Sequence[int] = (), max_tokens: int = 20, prefix: Sequence[int] = ()) -> DecodingTask:
    return DecodingTask(PROMPT, 0, END, max_tokens, tuple(prefix), tuple(draft))


def decode(
    text: Sequence[int], draft: Sequence[int] = (), max_tokens: int = 20, prefix: Sequence[int] = ()
) -> tuple[DecodedText, ScriptedDecoder]:
    decoder = ScriptedDecoder([text])
    return decode_greedily(decoder, [task(draft, max_tokens, prefix)])[0], decoder


def test_a_text_is_decoded_to_its_end() -> None:
    decoded, decoder = decode([1, 2, 3])

    assert (1, 2, 3) == decoded.ids
    assert 4 == decoder.n_passes
    assert 4 == len(decoded.logprobs)
    np.testing.assert_allclose(decoded.logprobs, [-0.01, -0.02, -0.03, -0.99], rtol=1e-6)
    assert abs(decoded.no_speech_prob - 0.25) < 1e-6


def test_an_empty_text() -> None:
    decoded, _ = decode([])

    assert () == decoded.ids
    assert 1 == len(decoded.logprobs)


def test_a_right_draft_takes_one_pass() -> None:
    decoded, decoder = decode([1, 2, 3], draft=[1, 2, 3])

    assert (1, 2, 3) == decoded.ids
    assert 3 == decoded.n_verified
    assert 1 == decoder.n_passes


def test_a_draft_that_has_become_longer_takes_a_pass_a_new_token() -> None:
    decoded, decoder = decode([1, 2, 3, 4], draft=[1, 2])

    assert (1, 2, 3, 4) == decoded.ids
    assert 3 == decoder.n_passes


def test_a_draft_longer_than_the_text_is_cut_at_its_end() -> None:
    decoded, _ = decode([1, 2], draft=[1, 2, 3, 4])

    assert (1, 2) == decoded.ids
    assert 2 == decoded.n_verified


def test_no_more_tokens_than_allowed() -> None:
    assert (1, 2) == decode([1, 2, 3], max_tokens=2)[0].ids
    assert (1, 2) == decode([1, 2, 3], draft=[1, 2, 3], max_tokens=2)[0].ids


def test_only_the_first_token_obeys_the_rules_of_a_start() -> None:
    _, decoder = decode([1, 2, 3], draft=[1])

    assert [Filter.ANYWHERE, Filter.AT_START, *[Filter.ANYWHERE] * 3] == decoder.filters


def test_a_text_behind_a_prefix() -> None:
    decoded, decoder = decode([1, 2, 3, 4], prefix=[1, 2], draft=[3])

    assert (3, 4) == decoded.ids
    assert 1 == decoded.n_verified
    assert [Filter.ANYWHERE] * 4 == decoder.filters


def test_a_prefix_counts_as_text() -> None:
    assert (3,) == decode([1, 2, 3, 4], prefix=[1, 2], max_tokens=3)[0].ids


@given(
    text=st.lists(st.integers(0, 5), max_size=8), draft=st.lists(st.integers(0, 5), max_size=10), n=st.integers(1, 10)
)
def test_no_draft_changes_the_outcome(text: list[int], draft: list[int], n: int) -> None:
    with_draft, without = decode(text, draft, n)[0], decode(text, (), n)[0]

    assert without.ids == with_draft.ids
    assert without.logprobs == with_draft.logprobs
    assert without.no_speech_prob == with_draft.no_speech_prob


@given(
    texts=st.lists(st.lists(st.integers(0, 5), max_size=8), min_size=1, max_size=4),
    drafts=st.lists(st.lists(st.integers(0, 5), max_size=10), min_size=4, max_size=4),
    is_worth_keeping=st.booleans(),
)
def test_texts_together_come_out_as_alone(
    texts: list[list[int]], drafts: list[list[int]], is_worth_keeping: bool
) -> None:
    decoder = ScriptedDecoder(texts, is_worth_keeping=is_worth_keeping)
    together = decode_greedily(decoder, [task(draft) for _, draft in zip(texts, drafts, strict=False)])

    assert [decode(text, draft)[0] for text, draft in zip(texts, drafts, strict=False)] == together


def test_a_text_that_ended_takes_no_more_part() -> None:
    decoder = ScriptedDecoder([[1], [1, 2, 3, 4]])
    decode_greedily(decoder, [task(), task()])

    assert [2, 2, 1, 1, 1] == decoder.n_rows


def test_a_loop_that_is_heard_again_ends_where_it_is_one() -> None:
    text = [1, 2, 3, 4, *[5, 6, 7, 8] * 20]
    decoder = ScriptedDecoder([text])

    (decoded,) = decode_greedily(decoder, [replace(task(max_tokens=80), ends_loops=True)])

    assert tuple(text[:16]) == decoded.ids
    assert decoded.is_cut
    assert 16 == len(decoded.logprobs) == decoder.n_passes


def test_no_other_loop_ends_early() -> None:
    text = [5, 6, 7, 8] * 6

    assert tuple(text) == decode(text, max_tokens=80)[0].ids


@given(
    head=st.lists(st.integers(0, 5), max_size=3),
    cycle=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    n_rounds=st.integers(0, 14),
    tail=st.lists(st.integers(0, 5), max_size=3),
    n_right=st.integers(0, 60),
)
def test_no_draft_changes_where_a_loop_ends(
    head: list[int], cycle: list[int], n_rounds: int, tail: list[int], n_right: int
) -> None:
    text = [*head, *cycle * n_rounds, *tail]
    loops = [n for n in range(len(text) + 1) if is_loop(text[:n])]
    wanted = replace(task(max_tokens=80), ends_loops=True)

    for draft in (text[:n_right], [*text[:n_right], 6, 6]):
        (decoded,) = decode_greedily(ScriptedDecoder([text]), [replace(wanted, draft=tuple(draft))])
        assert tuple(text[: loops[0]] if loops else text) == decoded.ids
        assert bool(loops) == decoded.is_cut
        assert decoded.n_verified <= len(decoded.ids)
