"""A peer's server: a process of its own on a free port of this machine, and what it costs.

Needs psutil, which the environments of peers with servers have.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psutil

from ui.bench.peers.answering import peak_mib

HOST = "127.0.0.1"
_START_LIMIT_S = 600.0
"""Ours may have to compile the model first."""
_BETWEEN_TRIES_S = 0.1


class Server:
    """Runs while this object lives, and ends with this process at the latest.

    Args:
        script: run by this Python; it is told its settings and ends with its standard input.
        settings: told to it, and the port.
        variables: of its environment, beside ours.
        ready_path: where it answers "200 OK" by HTTP once it is ready; without one, it is when it listens.

    Raises:
        RuntimeError: it did not come up; the message has its last words.
    """

    def __init__(self, script: Path, settings: dict[str, Any], variables: dict[str, str], ready_path: str = "") -> None:
        self.port = _free_port()
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  # it lives as long
        told = json.dumps({**settings, "port": self.port})
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(script), told],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, **variables},
        )
        try:
            self._wait_until_it_is_ready(ready_path)
        except BaseException:
            self.close()
            raise

    @property
    def cpu_s(self) -> float:
        """Processor seconds of the server and of what it started, since it began."""
        own = psutil.Process(self._process.pid)
        times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
        return float(sum(time.user + time.system for time in times))

    @property
    def peak_mib(self) -> float:
        """The most memory it ever held."""
        return peak_mib(self._process.pid)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _check(self) -> None:
        if self._process.poll() is not None:
            raise RuntimeError(f"its server ended with exit code {self._process.returncode}: {self._last_words()}")

    def _wait_until_it_is_ready(self, path: str) -> None:
        deadline = time.perf_counter() + _START_LIMIT_S
        while time.perf_counter() < deadline:
            self._check()
            if _answers(self.port, path) if path else _listens(self.port):
                return
            time.sleep(_BETWEEN_TRIES_S)
        raise RuntimeError(f"its server was not ready within {_START_LIMIT_S:.0f} s: {self._last_words()}")

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().splitlines() if line.strip()]
        return " / ".join(lines[-3:]) or "it said nothing"


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _answers(port: int, path: str) -> bool:
    connection = HTTPConnection(HOST, port, timeout=1.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])
