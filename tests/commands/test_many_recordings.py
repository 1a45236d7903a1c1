"""``max-whisper file`` with many recordings: the files of each, what is refused, and what fails alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes_ui import SAMPLE, CountingModel, Load, signalling

from ui import commands
from ui.cli import main

TEXT = "Heard 1.\nHeard 2.\n"


@pytest.fixture(autouse=True)
def recordings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two recordings in the current folder, and one that is none."""
    monkeypatch.chdir(tmp_path)
    Path("one.flac").symlink_to(SAMPLE)
    Path("two.flac").write_bytes(SAMPLE.read_bytes())
    Path("three.mp3").write_bytes(b"no sound")


def names_in(folder: str) -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def refuse_to_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "load_model", lambda arguments: pytest.fail("loaded"))


def test_each_has_a_file_of_each_form(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["file", "one.flac", "two.flac", "--output-dir", "texts/new", "--format", "txt,srt,json"]) == 0

    assert names_in("texts/new") == {f"{stem}.{form}" for stem in ("one", "two") for form in ("txt", "srt", "json")}
    for stem in ("one", "two"):
        assert Path(f"texts/new/{stem}.txt").read_text() == TEXT
        assert Path(f"texts/new/{stem}.srt").read_text().startswith("1\n00:00:00")
        assert json.loads(Path(f"texts/new/{stem}.json").read_text())["duration"] == pytest.approx(39.1, abs=0.1)
    assert capfd.readouterr() == (TEXT + TEXT, "")


def test_unless_told_otherwise_it_is_text() -> None:
    assert main(["file", "one.flac", "--output-dir", "."]) == 0
    assert Path("one.txt").read_text() == TEXT


def test_one_that_fails_costs_the_exit_code_and_not_the_others(capfd: pytest.CaptureFixture[str]) -> None:
    Path("broken.flac").write_bytes(SAMPLE.read_bytes()[:300_000])
    assert main(["file", "three.mp3", "broken.flac", "none.wav", "two.flac", "--output-dir", "texts"]) == 1

    assert names_in("texts") == {"broken.txt", "two.txt"}
    assert Path("texts/broken.txt").read_text().startswith("Heard 1.\n")
    assert Path("texts/two.txt").read_text() == TEXT
    told = capfd.readouterr().err
    for complaint in ("three.mp3 is not audio", "none.wav does not exist", "broken.flac broke off"):
        assert complaint in told


def test_one_whose_file_cannot_be_written_any_more_fails_alone(load: Load, capfd: pytest.CaptureFixture[str]) -> None:
    def write_meanwhile(n_jobs_before: int) -> None:
        Path("texts/two.txt").write_text("somebody else's\n")

    load(CountingModel(write_meanwhile))
    assert main(["file", "one.flac", "two.flac", "--output-dir", "texts"]) == 1
    assert Path("texts/one.txt").read_text() == TEXT
    assert Path("texts/two.txt").read_text() == "somebody else's\n"
    assert "texts/two.txt holds something already" in capfd.readouterr().err


def test_old_files_are_kept_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    refuse_to_load(monkeypatch)
    Path("texts").mkdir()
    Path("texts/two.srt").write_text("yesterday\n")
    flags = ["--output-dir", "texts", "--format", "txt,srt"]
    assert main(["file", "one.flac", "two.flac", *flags]) == 1
    assert capfd.readouterr().err.startswith("max-whisper: texts/two.srt holds something already: give --overwrite")
    assert names_in("texts") == {"two.srt"}

    monkeypatch.setattr(commands, "load_model", lambda arguments: CountingModel())
    assert main(["file", "one.flac", "two.flac", *flags, "--overwrite"]) == 0
    assert Path("texts/two.srt").read_text().startswith("1\n00:00:00")


def test_ctrl_c_leaves_the_old_files_of_those_to_come(load: Load) -> None:
    Path("two.txt").write_text("yesterday\n")
    load(CountingModel(signalling(2, n_times=1)))
    assert main(["file", "one.flac", "two.flac", "--output-dir", ".", "--overwrite"]) == 130
    assert Path("two.txt").read_text() == "yesterday\n"
    assert Path("one.txt").exists()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("a/talk.mp3 b/talk.wav", "a/talk.mp3 and b/talk.wav would both be written to texts/talk.txt: rename one"),
        ("one.flac one.flac", "one.flac and one.flac would both be written to texts/one.txt"),
        ("one.flac --output one.txt", "--output and --output-dir do not go together"),
    ],
)
def test_what_cannot_be_is_refused(words: str, problem: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["file", *words.split(" "), "--output-dir", "texts"])
    assert error.value.code == 2
    assert problem in capfd.readouterr().err
    assert not Path("texts").exists()


@pytest.mark.parametrize("flags", [["--events", "texts/two.txt"], ["texts/one.txt"]])
def test_no_file_is_written_by_two(
    flags: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    refuse_to_load(monkeypatch)
    Path("texts").mkdir()
    Path("texts/one.txt").symlink_to(SAMPLE)
    assert main(["file", "two.flac", *flags, "--output-dir", "texts", "--overwrite"]) == 1
    assert "is named twice, and would be lost" in capfd.readouterr().err


@pytest.mark.parametrize("place", ["-", "events.jsonl"])
def test_events_say_of_which_recording_they_are(place: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["file", "one.flac", "./two.flac", "--events", place, "--output-dir", "texts"]) == 0
    written = capfd.readouterr().out if place == "-" else Path(place).read_text()
    lines = [json.loads(line) for line in written.splitlines()]
    finals = [(line["recording"], line["text"]) for line in lines if line["kind"] == "final"]
    heard = ["Heard 1.", "Heard 2."]
    assert finals == [("one.flac", text) for text in heard] + [("two.flac", text) for text in heard]
    assert {line["recording"] for line in lines} == {"one.flac", "two.flac"}


def test_one_recording_needs_no_name(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["file", "one.flac", "--events", "-"]) == 0
    assert "recording" not in capfd.readouterr().out
