"""What the commands leave in files, with a model that needs no MAX."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes_ui import SAMPLE, CountingModel, Load

from engine.errors import ModelLoadError
from engine.events import DecodeJob, Hypothesis, Token
from ui import commands
from ui.cli import main

FILES = ["talk.txt", "talk.srt", "talk.vtt", "talk.json", "talk.jsonl", "talk.wav"]


def flag_of(name: str) -> str:
    return {".jsonl": "--events", ".wav": "--record"}.get(Path(name).suffix, "--output")


def fail_to_load(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(arguments: object) -> None:
        raise error

    monkeypatch.setattr(commands, "load_model", fail)


@pytest.mark.parametrize("error", [ModelLoadError("There is no model 'bsae'."), KeyboardInterrupt()])
@pytest.mark.parametrize("name", FILES)
def test_until_there_is_something_new_the_old_stays(
    name: str, error: BaseException, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old, new = tmp_path / name, tmp_path / "new" / name
    old.write_text("yesterday\n")
    fail_to_load(monkeypatch, error)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))
    for path in (old, new):
        assert main(["pipe", flag_of(name), str(path), "--overwrite"]) in {1, 130}

    assert old.read_text() == "yesterday\n"
    assert [] == list(new.parent.iterdir())


@pytest.mark.parametrize("name", FILES)
def test_a_server_that_cannot_be_reached_costs_no_old_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("yesterday\n")
    server = ["connect", "localhost:1", "--file", str(SAMPLE)]
    assert main([*server, flag_of(name), str(path), "--overwrite"]) == 1
    assert path.read_text() == "yesterday\n"


@pytest.mark.parametrize("name", FILES[:-1])
def test_what_is_longer_than_the_new_goes_with_the_old(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("yesterday\n" * 10_000)
    assert main(["file", str(SAMPLE), flag_of(name), str(path), "--overwrite"]) == 0
    assert "yesterday" not in path.read_text()


@pytest.mark.parametrize("name", FILES[:-1])
def test_a_folder_is_no_file(name: str, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    assert main(["file", str(SAMPLE), flag_of(name), str(tmp_path / name)]) == 1
    assert f"{name} cannot be written: Is a directory" in capfd.readouterr().err


def test_one_decoding_is_written_in_several_forms(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    names = ("talk.txt", "talk.srt", "talk.json")
    flags = [flag for name in names for flag in ("--output", str(tmp_path / name))]
    assert main(["file", str(SAMPLE), *flags]) == 0

    assert (tmp_path / "talk.txt").read_text() == capfd.readouterr().out == "Heard 1.\nHeard 2.\n"
    assert (tmp_path / "talk.srt").read_text().startswith("1\n00:00:0")
    assert json.loads((tmp_path / "talk.json").read_text())["text"] == "Heard 1. Heard 2."


@pytest.mark.parametrize("form", ["txt", "srt", "vtt", "json"])
@pytest.mark.parametrize("options", [[], ["--translate"]])
def test_stdout_holds_what_the_file_would(
    form: str, options: list[str], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = tmp_path / f"talk.{form}"
    flags = ["--output", str(text), "--output", "-", "--format", form, *options]
    assert main(["file", str(SAMPLE), *flags]) == 0
    assert capfd.readouterr() == (text.read_text(), "")


def test_a_name_that_says_no_form_is_told_one(tmp_path: Path) -> None:
    flags = ["--output", str(tmp_path / "talk"), "--output", str(tmp_path / "talk.srt"), "--format", "vtt"]
    assert main(["file", str(SAMPLE), *flags]) == 0
    assert (tmp_path / "talk").read_text().startswith("WEBVTT\n\n00:")
    assert (tmp_path / "talk.srt").read_text().startswith("1\n00:")


@pytest.mark.parametrize("place", ["-", "talk.srt", "folder"])
def test_subtitles_have_the_shape_that_is_asked_for(
    place: str, load: Load, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Talkative(CountingModel):
        def _decode(self, job: DecodeJob) -> Hypothesis:
            return Hypothesis((Token(1, b" and so on" * 40, -0.1),), 0.0, -0.1)

    load(Talkative())
    monkeypatch.chdir(tmp_path)
    where = ["--output-dir", place] if place == "folder" else ["--output", place]
    form = [] if place == "talk.srt" else ["--format", "srt"]
    assert main(["file", str(SAMPLE), *where, *form, "--max-line-width", "10", "--max-lines", "1"]) == 0

    read = {"-": lambda: capfd.readouterr().out, "folder": Path("folder/sample.srt").read_text}
    cues = [block.split("\n")[2:] for block in read.get(place, Path(place).read_text)().strip().split("\n\n")]
    assert {("and so on",)} == set(map(tuple, cues))


@pytest.mark.parametrize("flags", ["--output - --format vtt", "--format vtt"])
def test_a_terminal_shows_what_is_asked_for_and_nothing_live(flags: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert main(["file", str(SAMPLE), *flags.split(" ")]) == 0
    assert isinstance(sys.stdout, Terminal)
    assert sys.stdout.getvalue().startswith("WEBVTT\n\n00:")
    assert "\x1b" not in sys.stdout.getvalue()


def test_what_was_heard_of_a_broken_file_is_whole_json(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    broken = tmp_path / "broken.flac"
    broken.write_bytes(SAMPLE.read_bytes()[:300_000])
    assert main(["file", str(broken), "--output", "-", "--format", "json"]) == 1
    assert json.loads(capfd.readouterr().out)["text"].startswith("Heard 1.")


def test_nobody_reads_the_json(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(["file", str(SAMPLE), "--output", "-", "--format", "json"]) == 141
    assert capfd.readouterr().err == ""


def test_the_report_of_the_demo_stays_out_of_the_subtitles(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--no-pacing", "--output", "-", "--format", "srt"]) == 0
    out, err = capfd.readouterr()
    assert out.startswith("1\n00:00:0")
    assert "word error rate" not in out
    assert "word error rate" in err


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ("--output - --output -", "--output - is given twice: standard output holds one text"),
        ("--output - --events -", "--output - and --events - would mix on standard output"),
        ("--format srt,vtt", "--format srt,vtt is one too many for --output: give each form a file"),
        ("--output - --format srt,vtt", "--format srt,vtt is one too many for --output: give each form a file"),
        ("--output t.srt --format vtt", "--format vtt has nothing to say: the ending of each --output does"),
        ("--max-lines 1 --output t.txt", "--max-lines needs subtitles: an --output or --format of srt or vtt"),
        ("--max-line-width 30", "--max-line-width needs subtitles"),
        ("--max-line-width 5 --output t.srt", "argument --max-line-width: must be a whole number between 10 and 200"),
        ("--output - --format doc", "argument --format: doc is none of txt, srt, vtt, json"),
        ("other.wav --output t.txt --output t.srt", "--output t.srt in srt takes one recording, not 2"),
        ("other.wav --output - --format json", "--output - in json takes one recording, not 2"),
    ],
)
def test_what_cannot_be_written_together_is_refused(
    flags: str, problem: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        main(["file", str(SAMPLE), *flags.split(" ")])
    assert error.value.code == 2
    assert problem in capfd.readouterr().err


def test_what_is_said_live_needs_a_place(capfd: pytest.CaptureFixture[str]) -> None:
    """In place of the captions nobody would expect subtitles."""
    with pytest.raises(SystemExit) as error:
        main(["mic", "--format", "srt"])
    assert error.value.code == 2
    assert "--format srt needs an --output: - is standard output" in capfd.readouterr().err


def test_a_file_named_twice_is_refused(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(commands, "load_model", lambda arguments: pytest.fail("loaded"))
    monkeypatch.chdir(tmp_path)
    assert main(["file", str(SAMPLE), "--output", "talk.txt", "--output", "./talk.txt"]) == 1
    assert "talk.txt is named twice, and would be lost" in capfd.readouterr().err
    assert [] == list(tmp_path.iterdir())
