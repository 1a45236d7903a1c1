"""What a person reads when something fails."""

from __future__ import annotations

import pytest

from ui.errors import complain


@pytest.mark.parametrize(
    ("message", "read"),
    [
        ("\x1b[2J\x1b]0;yours\x07.mp3 does not exist", " [2J ]0;yours .mp3 does not exist"),
        ("choose one:\n0  Mic\r\t\x7f\n1  Line", "choose one:\n0  Mic   \n1  Line"),
        (ValueError("caf\xe9 \x9b1m"), "caf\xe9  1m"),
    ],
)
def test_a_complaint_moves_no_cursor(message: object, read: str, capfd: pytest.CaptureFixture[str]) -> None:
    complain(message)

    assert f"max-whisper: {read}\n" == capfd.readouterr().err
