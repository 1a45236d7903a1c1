"""A text cut at its timestamps, as whisper/transcribe.py cuts it."""

from __future__ import annotations

import pytest

from engine.alignment import WordTiming
from engine.segments import CutText, Piece, Segment, cut_at_timestamps, words_by_segment

ZERO = 1000
"""<|0.00|>"""


def at(time_s: float) -> int:
    return ZERO + round(time_s / 0.02)


def cut(*ids: int, duration_s: float = 30.0) -> CutText:
    return cut_at_timestamps(ids, ZERO, duration_s)


def test_pieces_lie_between_timestamps() -> None:
    ids = (at(0), 1, 2, at(2), at(2.5), 3, at(4))

    found = cut(*ids)

    assert found == CutText((Piece(ids[:4], 0.0, 2.0), Piece(ids[4:], 2.5, 4.0)), None, is_complete=True)


def test_what_has_begun_and_not_ended_is_the_rest() -> None:
    ids = (at(0), 1, 2, at(2), at(2.5), 3, 4)

    found = cut(*ids)

    assert found == CutText((Piece(ids[:4], 0.0, 2.0),), Piece(ids[4:], 2.5, 30.0), is_complete=False)


def test_a_text_that_ends_between_two_segments_has_an_empty_rest() -> None:
    found = cut(at(0), 1, at(2), at(2.5))

    assert found.rest == Piece((at(2.5),), 2.5, 30.0)
    assert not found.is_complete


@pytest.mark.parametrize(
    ("ids", "end_s", "is_complete"),
    [
        ((1, 2, 3), 12.0, False),
        ((at(0), 1, 2, at(5)), 5.0, True),
        ((at(0), 1, 2), 12.0, False),
        ((at(0), 1, 2, at(20)), 12.0, True),
    ],
)
def test_a_text_of_one_segment(ids: tuple[int, ...], end_s: float, is_complete: bool) -> None:
    assert cut(*ids, duration_s=12.0) == CutText((Piece(ids, 0.0, end_s),), None, is_complete)


def test_no_piece_ends_after_the_audio() -> None:
    found = cut(at(0), 1, at(2), at(2), 2, at(9), duration_s=5.0)

    assert [(piece.start_s, piece.end_s) for piece in found.pieces] == [(0.0, 2.0), (2.0, 5.0)]


def test_a_forced_prefix_begins_where_the_window_does() -> None:
    found = cut(7, 8, at(0.5), 1, at(2), at(2), 2, at(3))

    assert found.pieces[0] == Piece((7, 8, at(0.5), 1, at(2)), 0.0, 2.0)


def test_nothing_is_no_piece() -> None:
    assert cut() == CutText((), None, is_complete=False)


def segment(text: str, start_s: float = 0.0) -> Segment:
    return Segment(
        start_s=start_s,
        end_s=start_s + 1,
        text=text,
        tokens=(),
        temperature=0.0,
        avg_logprob=-0.1,
        compression_ratio=1.0,
        no_speech_prob=0.0,
    )


def test_words_are_shared_out_in_order_and_those_of_the_rest_left_over() -> None:
    words = [WordTiming(text, i, i + 0.5, 0.9) for i, text in enumerate([" One", " two,", " three.", " Four", " five"])]

    first, second = words_by_segment([segment("One two,"), segment("three.")], words)

    assert [word.text for word in first] == [" One", " two,"]
    assert [word.text for word in second] == [" three."]


def test_a_segment_heard_later_keeps_its_length() -> None:
    later = segment("One", 2.0).delayed(10.0)

    assert (later.start_s, later.end_s, later.text) == (12.0, 13.0, "One")
