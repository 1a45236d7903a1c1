"""Which words are shown, and which stay."""

from __future__ import annotations

import math

from fakes import hypothesis
from hypothesis import given
from hypothesis import strategies as st

from engine.events import Hypothesis, Token
from engine.options import StabilityOptions
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


def heard(*words: tuple[int, float, float]) -> Hypothesis:
    """Words, each with when it was heard and how probable it is."""
    return Hypothesis(tuple(Token(id, f" {id}".encode(), math.log(p), at) for id, at, p in words), 0.0, -0.1)


def shown(prefix: StablePrefix, hypothesis: Hypothesis, heard_s: float) -> list[int]:
    unstable = prefix.receive_hypothesis(hypothesis, heard_s)
    assert unstable is not None
    return [token.id for token in (*prefix.tokens, *unstable)]


def test_a_word_at_the_end_of_the_audio_is_not_shown_until_two_agree() -> None:
    prefix = StablePrefix()

    assert [1] == shown(prefix, heard((1, 0.5, 0.9), (2, 0.95, 0.9)), 1.0)
    assert [1, 2] == shown(prefix, heard((1, 0.5, 0.9), (2, 1.15, 0.9)), 1.2)


def test_an_improbable_word_is_not_shown_though_two_agree() -> None:
    prefix = StablePrefix()

    for heard_s in (2.0, 2.2):
        assert [] == shown(prefix, heard((1, 0.5, 0.5)), heard_s)
    assert [1] == shown(prefix, heard((1, 0.5, 0.8)), 2.4)


def test_an_improbable_word_stays_when_it_was_heard_twice_as_long_ago() -> None:
    prefix, words = StablePrefix(), heard((1, 1.0, 0.9), (2, 1.0, 0.2), (3, 2.0, 0.9))

    for heard_s, stable in ((1.7, [1]), (2.1, [1]), (2.3, [1, 2])):
        shown(prefix, words, heard_s)
        assert stable == ids(prefix)


def test_where_nobody_knows_when_it_was_heard_agreement_is_enough() -> None:
    prefix, words = StablePrefix(), Hypothesis(tuple(Token(id, f" {id}".encode(), -3.0) for id in (1, 2)), 0.0, -3.0)
    for heard_s in (1.0, 1.2):
        prefix.receive_hypothesis(words, heard_s)

    assert [1] == ids(prefix)


def test_who_looks_back_repeats_and_is_not_shown_however_often() -> None:
    prefix, repeating = StablePrefix(), heard((1, 0.5, 0.9), (2, 1.0, 0.9), (1, 0.5, 0.9), (2, 1.0, 0.9))

    for _ in range(3):
        assert [1, 2] == shown(prefix, repeating, 2.0)


def test_what_was_shown_stays_while_it_is_heard() -> None:
    prefix = StablePrefix()
    shown(prefix, heard((1, 0.5, 0.9), (2, 1.0, 0.9)), 1.3)

    assert [1, 2] == shown(prefix, heard((1, 0.5, 0.9), (2, 1.45, 0.2), (3, 1.5, 0.9)), 1.5)


def test_a_word_is_stable_only_when_it_was_heard_some_way_before_the_end() -> None:
    prefix = StablePrefix(StabilityOptions(policy="agreement", stable_after_s=0.5))
    for heard_s in (1.2, 1.4, 1.6):
        shown(prefix, heard((1, 0.6, 0.9), (2, 1.0, 0.9), (3, 1.1, 0.9)), heard_s)

    assert [1, 2] == ids(prefix)


def test_three_must_agree_where_three_are_asked() -> None:
    prefix = StablePrefix(StabilityOptions(policy="agreement", n_agreeing=3))
    for n in range(3):
        assert [] == ids(prefix)
        shown(prefix, heard((1, 0.5, 0.9), (2, 1.0, 0.9)), 2.0 + n)

    assert [1] == ids(prefix)


def test_by_attention_one_hypothesis_is_enough() -> None:
    prefix = StablePrefix(StabilityOptions(policy="attention", stable_after_s=0.5))
    shown(prefix, heard((1, 0.5, 0.9), (2, 1.0, 0.9), (3, 1.2, 0.9)), 1.3)

    assert [1] == ids(prefix)


def test_japanese_becomes_stable_though_it_has_no_spaces() -> None:
    tokens = tuple(Token(i, c.encode(), 0.0) for i, c in enumerate("今日は"))
    prefix = StablePrefix()
    for _ in range(2):
        prefix.receive_hypothesis(Hypothesis(tokens, 0.0, -0.1, "ja", has_spaces=False), 1.0)

    assert [0, 1] == ids(prefix)


def test_what_is_translated_has_words() -> None:
    """What is said has no spaces between words; the English that is written has."""
    tokens = tuple(Token(i, text, 0.0) for i, text in enumerate([b" I", b" visited", b" Inver", b"ash", b"iel"]))
    prefix = StablePrefix()
    for _ in range(2):
        prefix.receive_hypothesis(Hypothesis(tokens, 0.0, -0.1, "ja"), 1.0)

    assert [0, 1] == ids(prefix)
