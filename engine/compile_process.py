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
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from math import ceil
from pathlib import Path
from typing import TextIO

from max.engine import InferenceSession

from engine.blueprints import Blueprint
from engine.compiled import compile_and_keep
from engine.devices import choose_compute
from engine.errors import ModelLoadError

_FAILED, _REFUSED = 1, 3
_MEMORY_BYTES = 3 * 2**30
"""Of the machine's, for each graph that is compiled at the same time: twice what tiny.en's take."""
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
"""A container's, as Linux tells it there."""
_ONE_S = 40.0
"""A graph of any size takes about so long on one core (AMD EPYC)."""


def compile_elsewhere(places: Mapping[Blueprint, Path]) -> None:
    """Compile for this machine's CPU in other processes, as many at a time as it has room for, and keep the artifacts.

    Where one fails, or this thread is interrupted, the others end too.

    Args:
        places: where each is kept.

    Raises:
        ModelLoadError: as ``compile_and_keep``; or such a process ended before its time.
    """
    running: list[subprocess.Popen[bytes]] = []
    with ThreadPoolExecutor(_n_together(len(places))) as threads:
        futures = [threads.submit(_compile_one, blueprint, path, running) for blueprint, path in places.items()]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            for process in running:
                process.kill()
            raise


def expected_compiling_s(n_graphs: int) -> float:
    """Return a typical time of ``compile_elsewhere``, in seconds."""
    return _ONE_S * ceil(n_graphs / _n_together(n_graphs))


def _n_together(n_graphs: int) -> int:
    n_cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(n_graphs, n_cpus, _memory_bytes() // _MEMORY_BYTES))


def _memory_bytes() -> int:
    """What this machine has, or this container may take."""
    n_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = _MEMORY_LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return n_bytes
    return min(n_bytes, int(limit)) if limit.isdecimal() else n_bytes


def _compile_one(blueprint: Blueprint, path: Path, running: list[subprocess.Popen[bytes]]) -> None:
    # -P: nothing that lies in the user's folder is taken for a part of this program.
    command = [sys.executable, "-P", "-m", __name__]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(place or str(Path.cwd()) for place in sys.path)}
    with (
        tempfile.TemporaryFile() as noise,
        subprocess.Popen(  # noqa: S603  # this very program
            command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=noise, env=variables
        ) as process,
    ):
        running.append(process)
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
    hint = " Too little memory is the most frequent cause: it takes 2 GB." if code < 0 or "Memory" in last[0] else ""
    return f"Compiling the {blueprint.name} {how}: {last[0].rstrip('.')}.{hint}"


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler would wait until all is compiled
    blueprint, path = pickle.load(sys.stdin.buffer)  # noqa: S301  # from the process that began this one
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)  # what libraries print is no answer
    os._exit(_compile(blueprint, path, answer))  # a thread waits in vain, and MAX's own need not be waited for


def _compile(blueprint: Blueprint, path: Path, answer: TextIO) -> int:
    try:
        compile_and_keep(path, InferenceSession(devices=[choose_compute("cpu").device]), blueprint.build)
    except ModelLoadError as error:
        answer.write(str(error))
        answer.flush()
        return _REFUSED
    except BaseException:  # noqa: BLE001  # a process's top
        traceback.print_exc()
        return _FAILED
    return 0


def _end_with_stdin() -> None:
    os.read(0, 1)
    os._exit(_FAILED)


if __name__ == "__main__":
    _main()
