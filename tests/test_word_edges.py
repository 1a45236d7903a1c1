"""Words beside silence: Whisper's alignment gives them the silence, its timestamps know better."""

from __future__ import annotations

import pytest

from engine.alignment import WordTiming, usual_length_s
from engine.segments import Segment
from engine.word_edges import with_true_edges

USUAL_S = 0.3


def segment(start_s: float, end_s: float) -> Segment:
    figures = {"temperature": 0.0, "avg_logprob": -0.2, "compression_ratio": 1.0, "no_speech_prob": 0.0}
    return Segment(start_s=start_s, end_s=end_s, text="a b", tokens=(), **figures)


def edges(
    times: list[tuple[float, float]], said: tuple[float, float], spoken_until_s: float = 0.0
) -> tuple[tuple[float, float], list[tuple[float, float]]]:
    words = [WordTiming(" a", *time, 1.0) for time in times]
    found, kept = with_true_edges(segment(*said), words, spoken_until_s, USUAL_S)
    return (found.start_s, found.end_s), [(word.start_s, word.end_s) for word in kept]


@pytest.mark.parametrize(
    ("times", "said", "expected"),
    [
        ([(5.0, 5.3), (5.3, 5.6)], (4.9, 5.7), [(5.0, 5.3), (5.3, 5.6)]),
        ([(0.0, 12.7), (12.7, 13.0)], (0.0, 13.2), [(12.1, 12.7), (12.7, 13.0)]),
        ([(9.0, 9.2), (9.2, 14.0)], (9.0, 14.1), [(12.8, 13.4), (13.4, 14.0)]),
        ([(11.8, 12.4), (12.4, 18.0)], (11.8, 12.9), [(11.8, 12.4), (12.4, 12.9)]),
        ([(0.8, 1.1)], (1.4, 1.6), [(0.8, 1.1)]),
        ([(0.2, 1.1)], (0.9, 1.2), [(0.8, 1.1)]),
    ],
    ids=[
        "as they are",
        "silence before",
        "silence before two",
        "silence behind",
        "a segment off its word",
        "a later segment",
    ],
)
def test_silence_is_no_part_of_a_word(
    times: list[tuple[float, float]], said: tuple[float, float], expected: list[tuple[float, float]]
) -> None:
    span, kept = edges(times, said)

    assert [pytest.approx(time) for time in expected] == kept
    assert pytest.approx((kept[0][0], kept[-1][1])) == span


def test_a_long_word_that_follows_speech_is_left() -> None:
    assert [(5.0, 5.9), (5.9, 6.1)] == edges([(5.0, 5.9), (5.9, 6.1)], (5.0, 6.1), spoken_until_s=5.0)[1]


def test_a_segment_whose_words_nobody_asked_for_is_left() -> None:
    assert ((1.0, 9.0), []) == edges([], (1.0, 9.0))


def test_how_long_a_word_usually_is() -> None:
    assert 0.2 == pytest.approx(usual_length_s([WordTiming("", 0, 0.2, 1), WordTiming("", 1, 1, 1)]))
    assert 0.7 == usual_length_s([WordTiming("", 0, 5, 1)])
    assert 0.0 == usual_length_s([])
