"""Compiling in processes of their own: side by side, and the memory that takes is given back: 1.4 GiB each.

    python -m engine.compile_process     a pickled (blueprint, path) on standard input, which stays open

It ends with standard input: when whoever wants the artifact is gone.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path

from max.engine import InferenceSession

from engine.blueprints import Blueprint
from engine.compiled import compile_and_keep
from engine.devices import choose_compute
from engine.errors import ModelLoadError

_REFUSED = 3
_MEMORY_BYTES = 3 * 2**30
"""Of the machine's, for each graph that is compiled at the same time: twice what tiny.en's take."""
_ONE_S = 40.0
"""A graph of any size takes about so long on one core (AMD EPYC)."""


def compile_elsewhere(places: Mapping[Blueprint, Path]) -> None:
    """Compile for this machine's CPU in other processes, as many at a time as it has room for, and keep the artifacts.

    Args:
        places: where each is kept.

    Raises:
        ModelLoadError: as ``compile_and_keep``; or such a process ended before its time.
    """
    with ThreadPoolExecutor(_n_together(len(places))) as threads:
        list(threads.map(_compile_one, places.keys(), places.values()))


def expected_compiling_s(n_graphs: int) -> float:
    """Return a typical time of ``compile_elsewhere``, in seconds."""
    return _ONE_S * ceil(n_graphs / _n_together(n_graphs))


def _n_together(n_graphs: int) -> int:
    n_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    n_cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(n_graphs, n_cpus, n_bytes // _MEMORY_BYTES))


def _compile_one(blueprint: Blueprint, path: Path) -> None:
    command = [sys.executable, "-m", __name__]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with (
        tempfile.TemporaryFile() as noise,
        subprocess.Popen(  # noqa: S603  # this very program
            command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=noise, env=variables
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # why it ended so soon is told below
            process.stdin.write(pickle.dumps((blueprint, path)))
        reason = process.stdout.read().decode(errors="replace")
        code = process.wait()
        if code == _REFUSED:
            raise ModelLoadError(reason)
        if code:
            noise.seek(0)
            raise ModelLoadError(_end_of(blueprint, code, noise.read().decode(errors="replace")))


def _end_of(blueprint: Blueprint, code: int, noise: str) -> str:
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    last = noise.strip().splitlines()[-1:] or ["it said nothing"]
    return (
        f"Compiling the {blueprint.name} {how}: {last[0]}. Too little memory is the most frequent cause: it takes 2 GB."
    )


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler would wait until all is compiled
    blueprint, path = pickle.load(sys.stdin.buffer)  # noqa: S301  # from the process that began this one
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no answer
    code = 0
    try:
        compile_and_keep(path, InferenceSession(devices=[choose_compute("cpu").device]), blueprint.build)
    except ModelLoadError as error:
        answer.write(str(error))
        answer.flush()
        code = _REFUSED
    os._exit(code)  # a thread waits in vain, and MAX's own need not be waited for


def _end_with_stdin() -> None:
    sys.stdin.buffer.read(1)
    os._exit(1)


if __name__ == "__main__":
    _main()
