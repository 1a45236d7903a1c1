"""A program in a process of its own, kept loaded, asked for one thing at a time.

It is stopped while it is not asked: the threads of some programs wait busily for more to do, MAX's for a quarter of a
second and then now and then for ever, and would slow the program whose turn it is several times over.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ui.bench.peers.environment import PeerError, clean_variables, environment
from ui.bench.peers.source import source_folder
from ui.bench.programs import Program


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker said.

    Attributes:
        result: whatever the action returns.
        took_s: seconds of the action, measured in the process.
        peak_mib: the most memory the process ever held.
    """

    result: Any
    took_s: float
    peak_mib: float


def command_of(program: Program, weights: str, n_threads: int, copy: Path | None = None) -> list[str]:
    """Return the command that starts ``program``, its environment made where there was none.

    Args:
        program: what to start.
        weights: their name, or where they are.
        n_threads: for it to use.
        copy: the folder that has the source of a program that no registry has; without one, it is fetched.

    Raises:
        PeerError: it cannot be installed.
    """
    source = {"source": str(source_folder(program.source, copy))} if program.source else {}
    settings = json.dumps({"weights": weights, "n_threads": n_threads, **source, **program.settings})
    if not program.requirements:
        module = program.worker.relative_to(Path(__file__).parents[2]).with_suffix("")
        return [sys.executable, "-m", ".".join(module.parts), settings]
    # -I keeps the worker's folder, and ours, off the front of its path.
    python = environment(program.requirements, program.alone, program.source.label if program.source else "")
    return [str(python), "-I", str(program.worker), settings]


class Worker:
    """A process that runs a program.

    Attributes:
        name: the program's.
        start_s: seconds from nothing to a loaded model.
    """

    def __init__(self, name: str, command: list[str], variables: Mapping[str, str] | None = None) -> None:
        """Start it and wait until its model is loaded; raises ``PeerError`` where it does not come up."""
        self.name = name
        began = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**clean_variables(), "HF_HUB_OFFLINE": "1", **(variables or {})},
        )
        try:
            self._answer()
        except BaseException:  # Ctrl-C too: nobody is left to end it
            self._end()
            raise
        self.start_s = time.perf_counter() - began
        self._process.send_signal(signal.SIGSTOP)

    def __enter__(self) -> Self:
        """Nothing more: it is loaded."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._end()

    def ask(self, action: str, *arguments: object) -> Answer:
        """Let it do ``action``; raises ``PeerError`` where it cannot."""
        assert self._process.stdin is not None
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.stdin.write(json.dumps({"action": action, "arguments": arguments}) + "\n")
            self._process.stdin.flush()
            return self._answer()
        except BrokenPipeError as error:
            raise self._ended() from error
        finally:
            self._process.send_signal(signal.SIGSTOP)

    def _answer(self) -> Answer:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(answer["error"])
        return Answer(**answer)

    def _ended(self) -> PeerError:
        return PeerError(f"ended with exit code {self._process.wait()}: its reasons are above")

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()
