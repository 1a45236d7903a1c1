"""Hotwords: where a text stands in the trie, what that adds to the logits, and the tables of batches."""

from __future__ import annotations

import numpy as np
import pytest

from engine.filters import BatchFilters, FilterTable
from engine.hotwords import Hotwords
from engine.options import DecodingOptions
from engine.rules import PLAIN_TEXT, Filter, FilteredText, Rule, TimedText

WORDS = Hotwords([(1, 2, 3), (1, 4), (5,)])
N_VOCAB = 10


@pytest.mark.parametrize(
    ("text", "likely"),
    [
        ((), {1, 5}),
        ((9, 8), {1, 5}),
        ((9, 1), {2, 4, 1, 5}),
        ((9, 1, 2), {3, 1, 5}),
        ((1, 1), {2, 4, 1, 5}),
        ((1, 2, 3), {1, 5}),
        ((5,), {1, 5}),
        ((2,), {1, 5}),
    ],
)
def test_what_goes_on_from_where_the_text_stands(text: tuple[int, ...], likely: set[int]) -> None:
    boosts = WORDS.boosts(N_VOCAB, 2.0)

    assert likely == set(np.flatnonzero(boosts[WORDS.node_after(text)]).tolist())
    assert {0.0, 2.0} == set(np.unique(boosts).tolist())


def test_rows_of_a_text_with_hotwords() -> None:
    rules = FilteredText(PLAIN_TEXT, 10, WORDS)

    assert Rule(10 + len(Filter)) == rules.rule_after(())
    assert Rule(10 + len(Filter) + 1) == rules.rule_after((9,))
    assert Rule(10 + len(Filter) + 1 + WORDS.node_after((1,))) == rules.rule_after((9, 1))


def test_timestamps_are_not_boosted() -> None:
    rules = FilteredText(TimedText(1000, 1500), 0, WORDS)

    assert Filter.TIME == rules.rule_after(()).filter
    assert Filter.TIME_OR_END == rules.rule_after((1000, 1, 1050)).filter
    assert Rule(len(Filter) + 1 + WORDS.node_after((1,)), (1001, 1500)) == rules.rule_after((1000, 1))


def test_tables_of_a_batch_stand_one_behind_the_other_once() -> None:
    one, other = (FilterTable(np.full((n, N_VOCAB), n, np.float32)) for n in (4, 7))
    batch = BatchFilters([one, other, one])

    assert [0, 4, 0] == [batch.first_row(table) for table in (one, other, one)]
    assert [4] * 4 + [7] * 7 == batch.rows[:, 0].tolist()


def test_a_table_alone_is_not_copied() -> None:
    table = FilterTable(np.zeros((4, N_VOCAB), np.float32))

    assert table.rows is BatchFilters([table, table]).rows


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hotword_boost": -1.0}, "hotword_boost must be between 0 and 10, got -1.0"),
        ({"hotwords": ("Bach", " ")}, "hotwords must not be empty"),
        ({"suppress_tokens": (-2,)}, "suppress_tokens must be token ids"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DecodingOptions(**options)  # type: ignore[arg-type]


def test_memory_is_bounded_whatever_is_asked_for() -> None:
    trie = Hotwords([100 + i, 500 + i, 900 + i] for i in range(1_000_000))

    assert trie.n_nodes == 127
    assert trie.node_after([100, 500]) > 0
    assert trie.node_after([150, 550]) == 0
