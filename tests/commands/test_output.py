"""What the commands leave in files, with a model that needs no MAX."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes_ui import SAMPLE

from engine.errors import ModelLoadError
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
