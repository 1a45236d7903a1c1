"""What prints by Rich, where standard output cannot be written: one exit code and one line for all commands."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from stream.microphone import InputDevice
from ui import devices
from ui.cli import main
from ui.errors import OutputError
from ui.report import print_rows
from ui.stdout import StdoutConsole

COMMANDS = [["devices"], ["models", "list"], ["models", "verify", "tiny.en"]]


@pytest.fixture(autouse=True)
def _microphones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        devices, "list_devices", lambda: [InputDevice(index=0, name="Line", n_channels=1, rate=48_000, is_default=True)]
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_reader_that_left_ends_it_quietly(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(command) == 141
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_full_disk_behind_it_is_told(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(command) == 1
    said = "max-whisper: standard output cannot be written (No space left on device): send it elsewhere\n"
    assert said == capfd.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_lines_of_the_demo_are_written_when_they_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.fdopen(os.open("/dev/full", os.O_WRONLY), "w")
    monkeypatch.setattr(sys, "stdout", full)
    with pytest.raises(OutputError):
        print_rows(StdoutConsole(), [("ran on", "CPU", "Whisper tiny.en on MAX")])
    os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())
    full.close()
