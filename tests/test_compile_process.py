"""Graphs compiled in a process of their own: the artifact comes back, or the reason, and nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from max.driver import CPU
from max.engine import InferenceSession
from small_model import DIMS, TARGET, WEIGHTS

from engine.blueprints import Blueprint
from engine.compile_process import compile_elsewhere
from engine.compiled import read_artifact
from engine.errors import ModelLoadError

pytestmark = pytest.mark.max

ALIGNMENT = Blueprint("alignment", DIMS, TARGET, heads=((0, 1),))
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
        ("kill -9 $$", "Compiling the alignment was ended by signal 9: it said nothing"),
        ("echo one >&2; echo 'no memory' >&2; exit 7", "Compiling the alignment ended with exit code 7: no memory"),
    ],
)
def test_a_compiler_that_dies_does_not_take_us_down(
    script: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "python"
    compiler.write_text(f"#!/bin/sh\n{script}\n")
    compiler.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(compiler))

    with pytest.raises(ModelLoadError, match=f"^{reason}. Too little memory"):
        compile_elsewhere({ALIGNMENT: tmp_path / "alignment.mef"})


def test_it_ends_with_the_one_who_wants_it(tmp_path: Path) -> None:
    here = Path(__file__).parent
    variables = os.environ | {"PYTHONPATH": f"{here.parent}{os.pathsep}{here}"}
    command = [sys.executable, "-c", START_AND_WAIT, str(tmp_path / "alignment.mef")]
    with subprocess.Popen(command, env=variables) as asking:
        compilers = wait_for_children(asking.pid)
        asking.kill()
    _, alive = psutil.wait_procs(compilers, timeout=30)

    assert alive == []
    assert not (tmp_path / "alignment.mef").exists()


def wait_for_children(pid: int) -> list[psutil.Process]:
    """The compiler that a process has begun, which is at its imports or at work."""
    for _ in range(600):
        children = [one for one in psutil.Process(pid).children() if "engine.compile_process" in one.cmdline()]
        if children:
            return children
        time.sleep(0.05)
    raise AssertionError("no compiler was begun within 30 s")
