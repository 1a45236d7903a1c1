"""The commands from their arguments to exit code, stdout, stderr and files, with a model that needs no MAX."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fakes_ui import SAMPLE, SAMPLE_LINES, CountingModel, Load

from engine.errors import ModelLoadError
from engine.events import DecodeJob, Hypothesis, Token
from ui import commands
from ui.cli import main

ROOT = Path(__file__).parents[2]
RECORDING_LINES = SAMPLE_LINES[:2]
"""A recording is cut at long pauses only."""
RECORDING_TEXT = "".join(line + "\n" for line in RECORDING_LINES)
needs_full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_file_becomes_lines(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["file", str(SAMPLE)]) == 0
    assert capfd.readouterr() == (RECORDING_TEXT, "")


def test_a_bad_file_costs_the_exit_code_and_not_the_others(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["file", str(tmp_path / "none.mp3"), str(SAMPLE)]) == 1
    out, err = capfd.readouterr()
    assert out == RECORDING_TEXT
    assert err == f"max-whisper: {tmp_path / 'none.mp3'} does not exist: check the name and the folder\n"


def test_the_suffix_says_what_is_written(tmp_path: Path) -> None:
    for name in ("talk.srt", "talk.vtt", "talk.json", "talk.txt"):
        assert main(["file", str(SAMPLE), "--output", str(tmp_path / name), "--translate"]) == 0

    assert (tmp_path / "talk.txt").read_text() == RECORDING_TEXT
    transcript = json.loads((tmp_path / "talk.json").read_text())
    assert ("translate", RECORDING_TEXT.split()) == (transcript["task"], transcript["text"].split())
    assert 39.0 <= transcript["duration"] < 40.0
    for name in ("talk.srt", "talk.vtt"):
        blocks = (tmp_path / name).read_text().removeprefix("WEBVTT\n\n").strip().split("\n\n")
        assert RECORDING_TEXT.split() == " ".join(block.split(" --> ")[1].split("\n", 1)[1] for block in blocks).split()


@needs_full_disk
@pytest.mark.parametrize("suffix", [".srt", ".vtt", ".json"])
def test_a_full_disk_is_told_whatever_is_written(
    suffix: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / f"talk{suffix}"
    path.symlink_to("/dev/full")
    assert main(["file", str(SAMPLE), "--output", str(path)]) == 1
    out, err = capfd.readouterr()
    assert "No space left on device" in err
    assert out == RECORDING_TEXT


def test_no_good_file_needs_no_model(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "load_model", lambda arguments: pytest.fail("loaded"))
    assert main(["file", str(tmp_path / "none.mp3")]) == 1


def test_what_was_heard_of_a_broken_file_is_not_lost(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    broken = tmp_path / "broken.flac"
    broken.write_bytes(SAMPLE.read_bytes()[:300_000])
    assert main(["file", str(broken), str(SAMPLE)]) == 1
    out, err = capfd.readouterr()
    assert out.startswith("Heard 1.\n")
    assert out.endswith(RECORDING_TEXT)
    assert "broke off at" in err


def test_the_transcript_and_the_events_go_into_files(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text, events = tmp_path / "talk.txt", tmp_path / "talk.jsonl"
    assert main(["file", str(SAMPLE), "--output", str(text), "--events", str(events)]) == 0
    assert text.read_text() == RECORDING_TEXT
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    assert [line["text"] for line in lines if line["kind"] == "final"] == RECORDING_LINES
    assert capfd.readouterr().out == RECORDING_TEXT


def test_events_on_stdout_stand_alone(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--no-pacing", "--events", "-"]) == 0
    out, err = capfd.readouterr()
    assert {json.loads(line)["kind"] for line in out.splitlines()} >= {"speech_started", "partial", "final", "status"}
    assert "word error rate" in err


def test_an_old_transcript_is_kept(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = tmp_path / "talk.txt"
    text.write_text("yesterday\n")
    assert main(["file", str(SAMPLE), "--output", str(text)]) == 1
    assert text.read_text() == "yesterday\n"
    assert capfd.readouterr().err.endswith("holds something already: give --overwrite to replace it, or another file\n")
    assert main(["file", str(SAMPLE), "--output", str(text), "--overwrite"]) == 0
    assert text.read_text() == RECORDING_TEXT


@pytest.mark.parametrize("flags", [["--events", "talk.flac"], ["--output", "talk.flac", "--overwrite"]])
def test_a_recording_is_not_written_over(
    flags: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "load_model", lambda arguments: pytest.fail("loaded"))
    Path("talk.flac").write_bytes(SAMPLE.read_bytes())
    Path("link.flac").symlink_to("talk.flac")
    assert main(["file", "link.flac", *flags]) == 1
    assert "talk.flac is named twice, and would be lost" in capfd.readouterr().err
    assert Path("talk.flac").read_bytes() == SAMPLE.read_bytes()


def test_old_events_are_kept(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_text("yesterday\n")
    assert main(["file", str(SAMPLE), "--events", str(tmp_path / "e.jsonl")]) == 1
    assert "holds something already: give --overwrite" in capfd.readouterr().err
    assert (tmp_path / "e.jsonl").read_text() == "yesterday\n"


def test_a_place_that_cannot_be_written_is_told_at_once(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert main(["file", str(SAMPLE), "--events", str(tmp_path / "file" / "x")]) == 1
    assert capfd.readouterr().err.startswith(f"max-whisper: {tmp_path / 'file' / 'x'} cannot be written: Not a dir")


@needs_full_disk
def test_a_full_disk_does_not_end_the_captions(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["file", str(SAMPLE), "--output", "/dev/full", "--events", "/dev/full"]) == 1
    out, err = capfd.readouterr()
    assert out == RECORDING_TEXT
    told = (
        "max-whisper: /dev/full is no longer written (No space left on device): make room there.  The captions go on."
    )
    assert err == f"{told}\n{told}\n"


@needs_full_disk
def test_a_full_disk_behind_stdout_ends_them(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["file", str(SAMPLE)]) == 1
    assert "standard output cannot be written (No space left on device)" in capfd.readouterr().err


def test_a_reader_that_left_ends_them_quietly(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(["file", str(SAMPLE)]) == 141
    assert capfd.readouterr().err == ""


def test_without_a_stdout_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["file", str(SAMPLE)]) == 0
    sys.stdout.close()


def test_a_terminal_shows_the_live_view(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["file", str(SAMPLE), str(SAMPLE)]) == 0
    shown = terminal.getvalue()
    assert shown.count("sample.flac") == 2
    assert shown.count("Heard 2.") == 2
    assert "counting on abacus" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


@pytest.mark.parametrize(("term", "options"), [("xterm", ["--plain"]), ("dumb", [])])
def test_plain_lines_where_wanted(monkeypatch: pytest.MonkeyPatch, term: str, options: list[str]) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["file", *options, str(SAMPLE)]) == 0
    assert terminal.getvalue() == RECORDING_TEXT


def test_the_demo_measures_itself(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--no-pacing"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[:4] == SAMPLE_LINES
    assert lines[4].startswith("word error rate: ")
    assert lines[-1] == "ran on: abacus (Whisper counting on MAX)"


def test_an_unforeseen_error_is_logged_and_no_traceback_is_shown(
    load: Load, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(n_jobs_before: int) -> None:
        raise ZeroDivisionError("no such number")

    load(CountingModel(fail))
    assert main(["file", str(SAMPLE)]) == 1
    log = tmp_path / "log" / "crash.log"
    assert "ZeroDivisionError: no such number" in log.read_text()
    fault = "max-whisper: this is a fault of the program: ZeroDivisionError('no such number'). "
    told = capfd.readouterr()
    assert "" == told.out
    assert fault + f"The details are in {log}; please report them." == told.err.splitlines()[0]
    lost = r"max-whisper: the model failed over \d+\.\d s of speech at \d+\.\d s: ZeroDivisionError: no such number"
    assert all(re.fullmatch(lost, line) for line in told.err.splitlines()[1:])
    assert len(RECORDING_LINES) == len(told.err.splitlines()[1:])


def test_a_model_that_does_not_load_is_told(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def fail(arguments: object) -> None:
        raise ModelLoadError("There is no GPU. Run with --compute cpu.")

    monkeypatch.setattr(commands, "load_model", fail)
    assert main(["file", str(SAMPLE)]) == 1
    assert capfd.readouterr() == ("", "max-whisper: There is no GPU. Run with --compute cpu.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["file"],
        ["sing"],
        ["pipe", "--rate", "0"],
        ["pipe", "--channels", "two"],
        ["file", "a.mp3", "--compute", "tpu"],
    ],
)
def test_wrong_usage(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage: max-whisper" in capfd.readouterr().err


@pytest.mark.parametrize("command", ["file", "mic", "pipe", "demo", "devices", "models"])
def test_every_command_explains_itself(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0
    assert capfd.readouterr().out.startswith(f"usage: max-whisper {command}")


HEAVY = {"max", "av", "jiwer", "engine.model", "huggingface_hub"}


@pytest.mark.parametrize(("argument", "heavy"), [("--help", {*HEAVY, "numpy"}), ("devices", HEAVY)])
def test_what_must_answer_at_once_imports_nothing_heavy(argument: str, heavy: set[str]) -> None:
    script = f"""
import contextlib, sys
from ui.cli import main
with contextlib.suppress(SystemExit):
    main(["{argument}"])
sys.exit(sorted({heavy} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    # Before that, devices says where there is no PortAudio.
    assert "[]" == done.stderr.splitlines()[-1]


def test_what_an_encoding_lacks_ends_nothing(monkeypatch: pytest.MonkeyPatch, load: Load) -> None:
    class Musician(CountingModel):
        def _decode(self, job: DecodeJob) -> Hypothesis:
            return Hypothesis((Token(1, " ♪ Ünd…".encode(), -0.1),), 0.0, -0.1)

    load(Musician())
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="latin-1", write_through=True))
    assert main(["file", str(SAMPLE)]) == 0
    assert written.getvalue().startswith(b"? \xdcnd?\n")
