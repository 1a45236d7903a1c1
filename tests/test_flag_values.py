"""What flags take, and how they refuse the rest."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import pytest

from ui.flag_values import count, counts, listed, number, seconds, some_of

TWO = some_of(["ours", "theirs"])


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (listed, "", ()),
        (listed, " de, en ,", ("de", "en")),
        (TWO, "", ()),
        (TWO, "theirs,ours", ("theirs", "ours")),
        (count, "12", 12),
        (counts, "1, 2,4", (1, 2, 4)),
        (number(0, 2), "2", 2.0),
        (seconds, "0.5", 0.5),
    ],
)
def test_what_is_meant_is_read(read: Callable[[str], object], text: str, expected: object) -> None:
    assert expected == read(text)


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (TWO, "ours,whisper", "whisper is none of ours, theirs"),
        (count, "0", "at least 1, got 0"),
        (count, "-1", "got -1"),
        (count, "1.5", "got 1.5"),
        (counts, "", "above 0, as 1,2,4"),
        (counts, "1,0", "got 1,0"),
        (counts, "1,,2", "got 1,,2"),
        (counts, "2,many", "got 2,many"),
        (number(0, 2), "2.1", "must be a number between 0 and 2, got 2.1"),
        (number(0, 2, "a number of seconds"), "soon", "must be a number of seconds between 0 and 2, got soon"),
        (number(0, 2), "nan", "got nan"),
        (seconds, "0", "above 0, got 0"),
        (seconds, "inf", "got inf"),
        (seconds, "soon", "got soon"),
    ],
)
def test_what_makes_no_sense_is_refused(read: Callable[[str], object], text: str, message: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        read(text)
