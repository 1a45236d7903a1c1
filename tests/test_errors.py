"""What a person reads when something fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ui.errors import complain, report_crash


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


def test_a_crash_log_holds_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "crash.log"
    monkeypatch.setattr("ui.errors.crash_log_path", lambda: log)
    monkeypatch.setattr(
        sys, "argv", ["max-whisper", "connect", "https://host/?token=secret&a=b#token=secret", "--pipe"]
    )
    report_crash(ZeroDivisionError())

    assert log.read_text().splitlines()[0].endswith("connect https://host/?token=…&a=b#token=… --pipe")
    assert "ZeroDivisionError()" in capfd.readouterr().err
