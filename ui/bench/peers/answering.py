"""Runs in every measured process: a request a line in, an answer a line out, both JSON.

A request names an action and its arguments, an answer has the action's result, its seconds and the process's peak
memory, or an error.  Only the standard library: the environments have little else in common.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

Actions = Mapping[str, Callable[..., Any]]


def serve(actions: Actions) -> None:
    """Say that the program is ready, then answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print goes to stderr
    _write(answers, {"result": "ready", "took_s": 0.0, "peak_mib": peak_mib()})
    for line in sys.stdin:
        request = json.loads(line)
        _write(answers, _answer(actions[request["action"]], request["arguments"]))


def _answer(action: Callable[..., Any], arguments: list[Any]) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        result = action(*arguments)
    except Exception as error:  # noqa: BLE001  # told to the one who asked, who goes on without this program
        return {"error": f"{type(error).__name__}: {error}"}
    return {"result": result, "took_s": time.perf_counter() - began, "peak_mib": peak_mib()}


def _write(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def peak_mib(process: int | str = "self") -> float:
    """The most memory a process ever held, in MiB; another than this one by its number, where there is Linux.

    Linux's own count begins when the program does; the portable one may include the process that started it.
    """
    status = Path(f"/proc/{process}/status")
    if status.is_file():
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    per_mib = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_mib
