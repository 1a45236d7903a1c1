"""Signs of invented text, on texts Whisper has invented and on such as people say."""

from __future__ import annotations

import pytest

from engine.guards import is_loop, is_not_speech


@pytest.mark.parametrize(
    "ids",
    [[7] * 12, [1, 2, 3, 4] * 3, [9, 8, *[1, 2, 3, 4, 5, 6] * 3], [*range(16)] * 3, [5, *[1, 2] * 6]],
    ids=["one token", "a phrase", "a beginning, then a phrase", "a long phrase", "two tokens"],
)
def test_a_loop(ids: list[int]) -> None:
    assert is_loop(ids)


@pytest.mark.parametrize(
    "ids",
    [[], [1], [7] * 11, [1, 2, 3, 4] * 2, [*range(40)], [*[1, 2, 3, 4] * 3, 9], [*range(17)] * 3],
    ids=["nothing", "a word", "an insistence", "said twice", "a sentence", "a loop that was left", "too long a cycle"],
)
def test_no_loop(ids: list[int]) -> None:
    assert not is_loop(ids)


def test_not_speech_needs_both_signs() -> None:
    assert is_not_speech(0.4, -0.6)
    assert not is_not_speech(0.4, -0.4)
    assert not is_not_speech(0.2, -1.1)


def test_a_loop_is_not_speech_where_no_speech_is_probable() -> None:
    assert is_not_speech(0.4, -0.1, [7] * 20)
    assert not is_not_speech(0.2, -0.1, [7] * 20)
