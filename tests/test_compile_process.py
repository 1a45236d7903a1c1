"""Graphs compiled in a process of their own: the artifact comes back, or the reason, and nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from max.driver import CPU
from max.engine import InferenceSession
from small_model import DIMS, TARGET, WEIGHTS

from engine import compile_process
from engine.blueprints import Blueprint
from engine.compile_process import compile_elsewhere
from engine.compiled import read_artifact
from engine.errors import ModelLoadError

pytestmark = pytest.mark.max

ALIGNMENT = Blueprint("alignment", DIMS, TARGET, heads=((0, 1),))
ENCODER = Blueprint("encoder", DIMS, TARGET)
START_AND_WAIT = """
import sys, test_compile_process as here
here.compile_elsewhere({here.ALIGNMENT: here.Path(sys.argv[1])})
"""


def test_the_artifact_is_there_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "alignment.mef"
    compile_elsewhere({ALIGNMENT: path})

    artifact = read_artifact(path)
    assert artifact is not None
    assert InferenceSession(devices=[CPU()]).init(artifact, weights_registry=WEIGHTS) is not None


def test_why_it_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ModelLoadError, match=r"^Compiled graphs cannot be kept in .*file: .*MAX_WHISPER_CACHE"):
        compile_elsewhere({ALIGNMENT: tmp_path / "file" / "alignment.mef"})


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -9 $$", "Compiling the alignment was ended by signal 9: it said nothing. Too little memory is .*"),
        (
            "echo one >&2; echo MemoryError >&2; exit 1",
            ".* ended with exit code 1: MemoryError. Too little memory is .*",
        ),
        ("echo one >&2; echo 'no such file.' >&2; exit 7", "Compiling .* ended with exit code 7: no such file."),
    ],
)
def test_a_compiler_that_dies_does_not_take_us_down(
    script: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "python"
    compiler.write_text(f"#!/bin/sh\n{script}\n")
    compiler.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(compiler))

    with pytest.raises(ModelLoadError, match=f"^{reason}$"):
        compile_elsewhere({ALIGNMENT: tmp_path / "alignment.mef"})


def test_what_fails_in_there_is_told(tmp_path: Path) -> None:
    """A decoder needs ids: an error that nobody foresaw."""
    with pytest.raises(ModelLoadError, match=r"^Compiling the decoder ended with exit code 1: AssertionError\.$"):
        compile_elsewhere({Blueprint("decoder", DIMS, TARGET): tmp_path / "decoder.mef"})


def test_what_lies_in_the_users_folder_is_no_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "engine").mkdir()
    for name in ("engine/__init__.py", "random.py"):
        (tmp_path / name).write_text("raise SystemExit('taken for ours')")
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ModelLoadError, match="cannot be kept in"):
        compile_elsewhere({ALIGNMENT: tmp_path / "file" / "alignment.mef"})


def test_where_one_fails_the_others_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(compile_process, "_n_together", lambda n_graphs: n_graphs)
    places = {ALIGNMENT: tmp_path / "alignment.mef", ENCODER: tmp_path / "file" / "encoder.mef"}

    with pytest.raises(ModelLoadError, match="cannot be kept in"):
        compile_elsewhere(places)
    assert not (tmp_path / "alignment.mef").exists()


@pytest.mark.parametrize(
    ("n_cpus", "machine_gb", "container", "together"),
    [(8, 64, None, 3), (2, 64, None, 2), (8, 4, None, 1), (8, 2, None, 1), (8, 64, "max", 3), (8, 64, "7000000000", 2)],
)
def test_as_many_run_as_there_is_room_for(
    n_cpus: int, machine_gb: int, container: str | None, together: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(n_cpus)))
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": machine_gb * 2**18, "SC_PAGE_SIZE": 4096}.__getitem__)
    monkeypatch.setattr(compile_process, "_MEMORY_LIMIT", tmp_path / "memory.max")
    if container is not None:
        (tmp_path / "memory.max").write_text(f"{container}\n")

    assert together == compile_process._n_together(3)


def test_it_ends_with_the_one_who_wants_it(tmp_path: Path) -> None:
    here = Path(__file__).parent
    variables = os.environ | {"PYTHONPATH": f"{here.parent}{os.pathsep}{here}"}
    command = [sys.executable, "-c", START_AND_WAIT, str(tmp_path / "alignment.mef")]
    with subprocess.Popen(command, env=variables) as asking:
        wait_for((tmp_path / "alignment.lock").exists)  # from here on it compiles, which takes seconds
        compilers = psutil.Process(asking.pid).children()
        time.sleep(0.5)
        asking.kill()
    _, alive = psutil.wait_procs(compilers, timeout=30)

    assert len(compilers) == 1
    assert alive == []
    assert not (tmp_path / "alignment.mef").exists()


def wait_for(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError("not within 30 s")
