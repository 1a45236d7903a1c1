"""LocalAgreement-2: what two successive hypotheses agree on stays."""

from __future__ import annotations

from fakes import hypothesis
from hypothesis import given
from hypothesis import strategies as st

from engine.events import Hypothesis, Token
from engine.stability import StablePrefix


def ids(prefix: StablePrefix) -> list[int]:
    return [token.id for token in prefix.tokens]


def test_one_hypothesis_makes_nothing_stable() -> None:
    prefix = StablePrefix()
    unstable = prefix.receive_hypothesis(hypothesis([1, 2]), 1.0)

    assert [] == ids(prefix)
    assert [1, 2] == [token.id for token in unstable]


def test_what_two_agree_on_is_stable() -> None:
    prefix = StablePrefix()
    prefix.receive_hypothesis(hypothesis([1, 2, 3]), 1.0)
    unstable = prefix.receive_hypothesis(hypothesis([1, 2, 4, 5]), 1.0)

    assert [1, 2] == ids(prefix)
    assert [4, 5] == [token.id for token in unstable]


def test_the_last_word_is_never_stable() -> None:
    prefix = StablePrefix()
    for _ in range(3):
        unstable = prefix.receive_hypothesis(hypothesis([1, 2, 3]), 1.0)

    assert [1, 2] == ids(prefix)
    assert [3] == [token.id for token in unstable]


def test_a_word_is_stable_as_a_whole() -> None:
    tokens = (Token(1, b" I", 0.0), Token(2, b" tran", 0.0), Token(3, b"scribe", 0.0), Token(4, b".", 0.0))
    prefix = StablePrefix()
    for _ in range(2):
        prefix.receive_hypothesis(Hypothesis(tokens, 0.0, -0.1), 1.0)

    assert [1] == ids(prefix)


def test_a_contradiction_leaves_stable_text_and_shows_nothing_else() -> None:
    prefix = StablePrefix()
    for words in ([1, 2, 3], [1, 2, 3], [1, 9, 9]):
        unstable = prefix.receive_hypothesis(hypothesis(words), 1.0)

    assert [1, 2] == ids(prefix)
    assert unstable is None


def test_agreement_goes_on_after_a_contradiction() -> None:
    prefix = StablePrefix()
    for words in ([1, 2, 3], [1, 2, 3], [9], [1, 2, 3, 4], [1, 2, 3, 4]):
        prefix.receive_hypothesis(hypothesis(words), 1.0)

    assert [1, 2, 3] == ids(prefix)


@given(st.lists(st.lists(st.integers(0, 2), max_size=5), max_size=12))
def test_it_never_shrinks_or_changes(history: list[list[int]]) -> None:
    prefix = StablePrefix()
    before: list[int] = []
    for words in history:
        prefix.receive_hypothesis(hypothesis(words), 1.0)
        assert before == ids(prefix)[: len(before)]
        before = ids(prefix)
