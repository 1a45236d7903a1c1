"""A server under a soak: its process, what it costs, whether it answers, and what it logs."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path

import httpx
from soak_clients import Place

_START_LIMIT_S = 600.0
_END_LIMIT_S = 60.0
_ANSWER_LIMIT_S = 30.0
_CATCH_UP_S = 3.0
_FIGURES = {
    "rss_bytes": "process_resident_memory_bytes",
    "n_files": "process_open_fds",
    "n_tasks": "max_whisper_tasks",
    "n_streams": "max_whisper_streams",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """What the server holds, ``t_s`` seconds after the start: memory, files, tasks of its event loop, streams."""

    t_s: float
    rss_bytes: float
    n_files: float
    n_tasks: float
    n_streams: float

    @property
    def rss_mib(self) -> float:
        """Memory."""
        return self.rss_bytes / 2**20


class ServerProcess:
    """``max-whisper serve`` on two ports; ``log`` has what it says."""

    def __init__(self, flags: Sequence[str], log: Path) -> None:
        self._log = log
        command = [sys.executable, "-m", "ui", "serve", *flags]
        with log.open("w", encoding="utf-8") as file:
            # In a session of its own, where a Ctrl-C that is meant for the soak does not reach it.
            self._process = subprocess.Popen(
                command,
                cwd=Path(__file__).parents[1],
                env={**os.environ, "PYTHONFAULTHANDLER": "1"},
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    @property
    def faults(self) -> list[str]:
        """What it logged that is a fault of its own."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        marks = ("Fatal", "Traceback", "failed", "Error", "never retrieved", "Exception")
        return [line for line in lines if any(mark in line for mark in marks)]

    async def stand_still(self, duration_s: float) -> None:
        """Let it do nothing, as a machine that is suspended."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(duration_s)
        finally:
            self._process.send_signal(signal.SIGCONT)

    def end(self) -> int:
        """Ask it to end; return its exit code."""
        self._process.terminate()
        return self._process.wait(_END_LIMIT_S)

    async def wait_ended(self) -> int:
        """Return its exit code, should it end by itself."""
        while (code := self._process.poll()) is None:  # noqa: ASYNC110  # another process
            await asyncio.sleep(1.0)
        return code


class Watch:
    """Asks whether the server answers, once a second, and keeps what it holds."""

    def __init__(self, place: Place, every_s: float) -> None:
        # A connection that waits is closed after 5 s, maybe while a question is on its way: each has one of its own.
        fresh = httpx.Limits(max_keepalive_connections=0)
        address, limit_s = f"http://{place.address}", _ANSWER_LIMIT_S
        self._http = httpx.AsyncClient(base_url=address, limits=fresh, timeout=limit_s, trust_env=False)
        self._every_s = every_s
        self._began_s = time.monotonic()
        self.samples: list[Sample] = []
        self.troubles: list[str] = []
        self.slowest_s = 0.0
        self.n_asked = 0
        self._still_until_s = 0.0
        self._n_stills = 0

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began_s

    @contextmanager
    def excused(self) -> Iterator[None]:
        """Expect late answers in the block, and a little behind it."""
        self._n_stills += 1
        self._still_until_s = inf
        yield
        self._still_until_s = self.now_s + _CATCH_UP_S

    async def wait_ready(self) -> None:
        """Return when the server is ready."""
        async with asyncio.timeout(_START_LIMIT_S):
            while not await self._is_ready():  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.2)
        self._began_s = time.monotonic()

    async def _is_ready(self) -> bool:
        try:
            return (await self._http.get("/readyz")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    async def sample(self) -> Sample:
        """Return what the server holds now."""
        lines = (await self._http.get("/metrics")).text.splitlines()
        values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return Sample(t_s=self.now_s, **{name: float(values[key]) for name, key in _FIGURES.items()})

    async def run(self) -> None:
        """Watch until cancelled."""
        due_s = 0.0
        while True:
            await self._ask()
            if self.now_s >= due_s:
                due_s += self._every_s
                try:
                    self.samples.append(await self.sample())
                except httpx.HTTPError as error:
                    self.troubles.append(f"/metrics: {error!r}")
            await asyncio.sleep(1.0)

    async def _ask(self) -> None:
        for path in ("/healthz", "/readyz"):
            asked_s, n_stills = self.now_s, self._n_stills
            try:
                answer = await self._http.get(path)
            except httpx.HTTPError as error:
                self.troubles.append(f"{path} at {self.now_s:.0f} s: {error!r}")
                continue
            self.n_asked += 1
            if answer.status_code != httpx.codes.OK:
                self.troubles.append(f"{path} at {self.now_s:.0f} s: {answer.status_code}")
            if asked_s > self._still_until_s and n_stills == self._n_stills:
                self.slowest_s = max(self.slowest_s, self.now_s - asked_s)

    async def wait_idle(self, limit_s: float) -> Sample:
        """Return what the server holds once it serves nobody; after ``limit_s`` in any case."""
        deadline_s = self.now_s + limit_s
        while (await self.sample()).n_streams and self.now_s < deadline_s:  # noqa: ASYNC110
            await asyncio.sleep(1.0)
        await asyncio.sleep(2.0)
        self.samples.append(await self.sample())
        return self.samples[-1]

    def figures(self) -> dict[str, object]:
        """Return all of it, for JSON."""
        samples = [asdict(sample) for sample in self.samples]
        return {
            "samples": samples,
            "slowest_answer_s": self.slowest_s,
            "n_asked": self.n_asked,
            "troubles": self.troubles,
        }
