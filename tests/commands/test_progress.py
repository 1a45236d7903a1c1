"""How far a recording is: on a terminal's stderr where its text goes into a file, and nowhere else."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pytest
from fakes_ui import SAMPLE, CountingModel, Load
from rich.console import Console

from engine.events import Final, Partial, Status, TimedEvent
from ui.cli import main
from ui.terminal.progress import ProgressView
from ui.terminal.state import TranscriptState


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


Transcribe = Callable[..., str]


@pytest.fixture
def transcribe(monkeypatch: pytest.MonkeyPatch) -> Transcribe:
    """What transcribes the sample to ``stdout`` and returns what is on a terminal's stderr meanwhile."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")

    def run(stdout: TextIO, *flags: str) -> str:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setattr(sys, "stdout", stdout)
        main(["file", str(SAMPLE), *flags])
        stdout.flush()
        return re.sub(r"\x1b\[\d*m", "", terminal.getvalue())

    return run


def test_progress_is_shown_while_the_text_goes_into_a_file(transcribe: Transcribe, tmp_path: Path) -> None:
    with (tmp_path / "talk.txt").open("w") as file:
        shown = transcribe(file)

    assert (tmp_path / "talk.txt").read_text() == "Heard 1.\nHeard 2.\n"
    assert "sample.flac  00:00 of 00:39 (0%)" in shown
    assert "Heard" not in shown
    assert shown.endswith("\x1b[?25h\r\x1b[1A\x1b[2K")  # the cursor is back, the line is gone


def test_it_counts_what_has_its_text() -> None:
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True, legacy_windows=False, color_system=None, _environ={})
    recording = TranscriptState("CPU", "tiny.en", 60.0, name="talk.mp3")
    now_s = iter(range(100))
    with ProgressView(console, recording, clock=lambda: next(now_s)) as view:
        view.show(TimedEvent(0.5, Status(30.0, -20.0, True, 15.0, 0.1)))
        view.show(TimedEvent(0.5, Partial(1, "so", " far", 0.0, 1.0)))
        view.show(TimedEvent(0.6, Final(1, "So far.", 0.0, 1.0)))

    assert "talk.mp3  00:15 of 01:00 (25%)  30× real time  00:01 left" in out.getvalue()
    assert "far" not in out.getvalue()


def test_each_of_several_says_which_it_is(transcribe: Transcribe, tmp_path: Path) -> None:
    with (tmp_path / "events.jsonl").open("w") as file:
        shown = transcribe(file, str(SAMPLE), "--events", "-")

    assert "1 of 2: sample.flac" in shown
    assert "2 of 2: sample.flac" in shown


def test_a_warning_stands_above_it(transcribe: Transcribe, load: Load, tmp_path: Path) -> None:
    def fail(n_jobs_before: int) -> None:
        raise ZeroDivisionError("no such number")

    load(CountingModel(fail))
    with (tmp_path / "talk.txt").open("w") as file:
        shown = transcribe(file)
    assert re.search(r"\x1b\[2Kmax-whisper: the model failed over [^\r]*\nsample\.flac  ", shown)


def test_plain_lines_have_none(transcribe: Transcribe, tmp_path: Path) -> None:
    with (tmp_path / "talk.txt").open("w") as file:
        assert transcribe(file, "--plain") == ""


def test_what_reads_the_text_may_write_to_the_same_terminal(transcribe: Transcribe) -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end) as reader, os.fdopen(write_end, "w") as pipe:
        assert transcribe(pipe) == ""
        assert reader.readline() == "Heard 1.\n"


def test_a_log_has_none(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with (tmp_path / "talk.txt").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        assert main(["file", str(SAMPLE)]) == 0
    assert capfd.readouterr().err == ""
