"""The rules of timestamps, row by row as whisper/decoding.py@c0d2f62 has them."""

from __future__ import annotations

import pytest

from engine.rules import Filter, PlainText, Rule, TimedText

FIRST, END = 1000, 2501
TIMED = TimedText(FIRST, END)


def test_plain_text_has_no_times() -> None:
    assert Rule(Filter.AT_START) == PlainText().rule_after([])
    assert Rule(Filter.ANYWHERE) == PlainText().rule_after([5])


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ([], Rule(Filter.TIME, (FIRST, FIRST + 51))),
        ([FIRST], Rule(Filter.ANYWHERE)),
        ([FIRST, 5], Rule(Filter.ANYWHERE, (FIRST + 1, END))),
        ([FIRST, 5, FIRST + 80], Rule(Filter.TIME_OR_END, (FIRST + 80, END))),
        ([FIRST, 5, FIRST + 80, FIRST + 80], Rule(Filter.ANYWHERE)),
        ([FIRST, 5, FIRST + 80, FIRST + 90, 7], Rule(Filter.ANYWHERE, (FIRST + 91, END))),
        ([5, 6], Rule(Filter.ANYWHERE, (FIRST, END))),
    ],
)
def test_timestamps(text: list[int], rule: Rule) -> None:
    assert rule == TIMED.rule_after(text)
