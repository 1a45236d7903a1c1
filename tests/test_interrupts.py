"""Ctrl-C at any moment of the start: no crash, no traceback, exit code 130."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ui.imports import quiet_imports
from ui.interrupts import held_interrupts

ROOT = Path(__file__).parents[1]
PROGRAM = "import sys, ui.cli; print('up', file=sys.stderr, flush=True); ui.cli.run()"


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """Take interrupts though whoever started the tests does not, as a shell that left them in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    passed = []

    def interrupt_inside() -> None:
        with held_interrupts():
            signal.raise_signal(signal.SIGINT)
            passed.append("the signal")

    with pytest.raises(KeyboardInterrupt):
        interrupt_inside()
    assert passed == ["the signal"]


def test_a_program_started_in_the_block_is_not_interrupted() -> None:
    interrupt_itself = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('alive')"
    with held_interrupts():
        assert subprocess.check_output([sys.executable, "-c", interrupt_itself]) == b"alive\n"


def test_garbage_is_looked_for_again_behind_imports() -> None:
    def import_in_vain() -> None:
        with quiet_imports(), quiet_imports():
            assert not gc.isenabled()
            raise ImportError

    n_frozen = gc.get_freeze_count()
    kept = [[] for _ in range(100)]
    with pytest.raises(ImportError):
        import_in_vain()
    assert gc.isenabled()
    assert gc.get_freeze_count() >= n_frozen + len(kept)


@pytest.mark.max
@pytest.mark.weights
@pytest.mark.parametrize("delay_s", [0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
def test_the_program_ends_quietly(delay_s: float) -> None:
    """The delays fall into its imports, those of MAX, and the loading of the model; where exactly does not matter."""
    command = [sys.executable, "-c", PROGRAM, "file", "--paced", "ui/sample/sample.flac"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        assert program.stderr.readline() == "up\n"
        time.sleep(delay_s)
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=60)
    assert program.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert "terminate" not in err
