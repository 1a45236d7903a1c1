"""``max-whisper models``, against a stand-in for the hub."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from checkpoint_files import small_checkpoint, write_hugging_face
from hub_server import COMMIT, Hub, hub_of, point_to, served
from huggingface_hub import constants

from engine.checkpoint import identity_of
from engine.hub import HubModel
from engine.kept_arrays import kept_arrays, kept_files
from ui.cli import main

pytestmark = pytest.mark.slow

ID = "someone/some-whisper"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub, and a cache whose name Rich would take for markup."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "[cache]"))
    monkeypatch.setenv("COLUMNS", "500")  # a path is folded where it does not fit
    with served(hub_of(write_hugging_face(small_checkpoint(51865), tmp_path / "small"))) as hub:
        point_to(hub.url, monkeypatch)
        yield hub


def test_a_pulled_model_is_listed_verified_and_removed(hub: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull", ID]) == 0
    out, err = capfd.readouterr()
    assert err == f"Downloading {ID} (2 MB)\n"
    assert out == f"{ID} is in {HubModel(ID).snapshot}\n"

    assert main(["models", "list"]) == 0
    (line,) = [line for line in capfd.readouterr().out.splitlines() if line.startswith(ID)]
    assert line.split()[1:6] == ["2", "MB", "99", "no", str(HubModel(ID).snapshot)]

    assert main(["models", "verify", ID]) == 0
    assert capfd.readouterr().out == f"{ID} is sound\n"

    assert main(["models", "remove", ID, "--yes"]) == 0
    assert capfd.readouterr().out == f"{ID} is removed: 2 MB are free again\n"
    assert not HubModel(ID).folder.exists()


def test_another_revision_is_listed_by_its_name_and_the_same_one_once(
    hub: Hub, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "pull", f"{ID}@{COMMIT}"]) == 0
    (HubModel(ID).folder / "refs/v2").parent.mkdir(exist_ok=True)
    (HubModel(ID).folder / "refs/v2").write_text(COMMIT)
    capfd.readouterr()

    assert main(["models", "list"]) == 0
    assert [line.split()[0] for line in capfd.readouterr().out.splitlines() if ID in line] == [f"{ID}@v2"]
    assert main(["models", "verify", f"{ID}@v2"]) == 0


def test_what_came_of_a_model_can_be_removed(hub: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull", ID]) == 0
    snapshot = HubModel(ID).snapshot
    assert snapshot is not None
    (snapshot / "model.safetensors").unlink()
    capfd.readouterr()

    assert main(["models", "list"]) == 0
    (line,) = [line for line in capfd.readouterr().out.splitlines() if line.startswith(ID)]
    assert "not whole" in line
    assert main(["models", "remove", ID, "--yes"]) == 0
    assert not HubModel(ID).folder.exists()
    assert main(["models", "remove", ID, "--yes"]) == 1


def test_what_was_made_of_a_model_goes_with_it(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAX_WHISPER_CACHE", str(tmp_path / "made"))
    assert main(["models", "pull", ID]) == 0
    snapshot = HubModel(ID).snapshot
    assert snapshot is not None
    identity = identity_of(snapshot)
    for action, said in (("verify", f"{ID} is sound"), ("remove", "12 MB are free again")):
        kept_arrays(identity, "", [], lambda: {"weight": np.zeros(5_000_000, np.int16)})
        assert len(kept_files(identity)) == 1
        assert main(["models", action, ID, *(["--yes"] if action == "remove" else [])]) == 0
        assert said in capfd.readouterr().out
        assert kept_files(identity) == []


def test_a_pulled_model_is_not_pulled_again(hub: Hub) -> None:
    assert main(["models", "pull", ID]) == 0
    hub.requests.clear()

    assert main(["models", "pull", ID]) == 0
    assert hub.requests == []


def test_a_damaged_model_is_told(hub: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull", ID]) == 0
    snapshot = HubModel(ID).snapshot
    assert snapshot is not None
    (snapshot / "model.safetensors").resolve().write_bytes(b"no weights")

    assert main(["models", "verify"]) == 1
    out, err = capfd.readouterr()
    assert "tiny.en is sound" in out
    assert "model.safetensors is damaged: its hash differs" in err
    assert main(["models", "list"]) == 0
    assert f"{ID}  " in (listed := capfd.readouterr().out)
    assert "damaged" in listed


@pytest.mark.parametrize(("answer", "is_kept"), [("n", True), ("", True), ("y", False), ("YES", False)])
def test_asks_before_it_removes(
    answer: str, is_kept: bool, hub: Hub, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "pull", ID]) == 0
    keyboard = io.StringIO(answer + "\n")
    monkeypatch.setattr(keyboard, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", keyboard)

    assert main(["models", "remove", ID]) == int(is_kept)
    assert HubModel(ID).folder.exists() == is_kept
    assert f"Delete {ID}, 2 MB? [y/N]" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["remove", "tiny.en", "--yes"], "tiny.en is part of an installed package"),
        (["remove", "someone/else", "--yes"], "someone/else is not on this machine. Name one of tiny.en"),
        (["verify", "someone/else"], "someone/else is not on this machine"),
        (["pull", "someone/else"], "There is no model someone/else on the hub"),
    ],
)
def test_what_cannot_be_done_is_told(
    arguments: list[str], message: str, hub: Hub, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", *arguments]) == 1
    assert message in capfd.readouterr().err
