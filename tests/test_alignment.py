"""When each word was said: the filter, the path and the joining of tokens, each against its plain definition."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.alignment import WordTiming, align_words, dynamic_time_warping, join_punctuation, median_filter, split_words

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("shape", [(3, 4, 30), (4, 9), (12,), (2, 1, 4)])
@pytest.mark.parametrize("width", [3, 7])
def test_the_running_median(shape: tuple[int, ...], width: int) -> None:
    x = RNG.integers(0, 9, shape).astype(np.float32)

    half = width // 2
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(half, half)], mode="reflect")
    plainly = np.stack([np.median(padded[..., i : i + width], axis=-1) for i in range(shape[-1])], axis=-1)
    np.testing.assert_array_equal(plainly, median_filter(x, width))


def test_what_is_too_short_for_a_median_stays() -> None:
    np.testing.assert_array_equal([3.0, 1.0, 2.0], median_filter(np.array([3.0, 1.0, 2.0], np.float32), 7))


def plain_path(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """whisper/timing.py, dtw_cpu, cell by cell."""
    n, m = cost.shape
    total, taken = np.full((n + 1, m + 1), np.inf), np.full((n + 1, m + 1), -1)
    total[0, 0] = 0.0
    for j in range(1, m + 1):
        for i in range(1, n + 1):
            both, down, right = total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]
            if both < down and both < right:
                least, taken[i, j] = both, 0
            elif down < both and down < right:
                least, taken[i, j] = down, 1
            else:
                least, taken[i, j] = right, 2
            total[i, j] = cost[i - 1, j - 1] + least
    i, j, path = n, m, []
    taken[0, :], taken[:, 0] = 2, 1
    while i > 0 or j > 0:
        path.append((i - 1, j - 1))
        step = taken[i, j]
        i, j = i - int(step != 2), j - int(step != 1)
    return path[::-1]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (7, 40), (40, 7), (13, 13)])
@pytest.mark.parametrize("n_values", [2, 1000])
def test_the_cheapest_path_ties_included(shape: tuple[int, int], n_values: int) -> None:
    for _ in range(5):
        cost = RNG.integers(0, n_values, shape).astype(np.float64)

        rows, columns = dynamic_time_warping(cost)

        assert plain_path(cost) == list(zip(rows.tolist(), columns.tolist(), strict=True))


def test_words_are_where_their_tokens_look() -> None:
    """A head that looks at one place after another, 10 positions a token: a row tells where its successor is heard."""
    scores = np.full((1, 5, 60), -9.0, np.float32)
    for row, first in enumerate((0, 10, 20, 30, 40)):
        scores[0, row, first : first + 10] = 9.0

    words = align_words(scores, [b" Ask", b" no", b"t"], [np.log(0.5), np.log(0.9), np.log(0.7)])

    assert [" Ask", " not"] == [word.text for word in words]
    assert [0.5, 0.8] == pytest.approx([word.probability for word in words])
    assert [(0.0, 0.2), (0.2, 0.6)] == [(word.start_s, pytest.approx(word.end_s)) for word in words]


def test_no_text_has_no_words() -> None:
    assert [] == align_words(np.zeros((1, 2, 60), np.float32), [], [])


@pytest.mark.parametrize(
    ("tokens", "by_spaces", "words"),
    [
        ([b" As", b"k", b" not", b","], True, [(" Ask", 2), (" not", 1), (",", 1)]),
        ([b" caf", b"\xc3", b"\xa9"], True, [(" café", 3)]),
        (["日".encode(), "本".encode()[:2], "本".encode()[2:]], False, [("日", 1), ("本", 2)]),
        ([b" a", b"\xe6"], True, [(" a\ufffd", 2)]),
        ([b" Hello", b"\xe4", b" my", b" world"], True, [(" Hello\ufffd", 2), (" my", 1), (" world", 1)]),
        ([b"\xff", b"\xe6", b"\x97\xa5"], False, [("\ufffd", 1), ("日", 2)]),
    ],
)
def test_tokens_become_words(tokens: list[bytes], by_spaces: bool, words: list[tuple[str, int]]) -> None:
    assert words == split_words(tokens, by_spaces=by_spaces)


def test_punctuation_belongs_to_a_word_and_has_no_time() -> None:
    texts = [" Well", ",", ' "', "so", "!", '"']
    timings = [WordTiming(text, i, i + 1.0, 1.0) for i, text in enumerate(texts)]

    joined = [(word.text, word.start_s, word.end_s) for word in join_punctuation(timings)]

    assert [(" Well,", 0, 1.0), (' "so!"', 3, 4.0)] == joined


@pytest.mark.parametrize(
    ("texts", "expected"),
    [([" -", " Are", " you", "?"], [" - Are", " you?"]), ([" I", " was", " -"], [" I", " was", " -"])],
)
def test_dashes_keep_their_places(texts: list[str], expected: list[str]) -> None:
    assert expected == [word.text for word in join_punctuation([WordTiming(text, 0, 1, 1.0) for text in texts])]


def test_words_of_a_text_before_are_left_out_whatever_they_are() -> None:
    scores = np.full((1, 8, 80), -9.0, np.float32)
    for row in range(8):
        scores[0, row, 10 * row : 10 * row + 10] = 9.0
    tokens = [b" -", b" Yes", b".", b"\xe6", b" I", b" see"]

    words = align_words(scores, tokens, [0.0] * 6, n_given=4)

    assert [" I", " see"] == [word.text for word in words]
    assert 0.8 == pytest.approx(words[0].start_s)


def test_no_word_was_said_before_what_it_is_timed_from() -> None:
    assert WordTiming("a", 0.0, 0.25, 0.5) == WordTiming("a", 1.0, 1.5, 0.5).delayed(-1.25)
