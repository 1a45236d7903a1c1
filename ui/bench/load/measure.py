"""Loading a server with streams: ours, one that listens somewhere, or a peer's with clients of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

from ui.bench.load.client import Heard, hear_all
from ui.bench.load.messages import Messages, OwnMessages
from ui.bench.peers.environment import PeerError
from ui.bench.peers.pacing import read_pcm
from ui.bench.peers.server import HOST, Server
from ui.bench.streaming.streams import Stream
from ui.bench.worker import Worker
from ui.scoring.scores import Score, score_of
from ui.scoring.traces import trace_from_json

Streams = Mapping[int, Sequence[Stream]]
"""By their number, those that come at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadRun:
    """What a server made of so many streams at once.

    Attributes:
        program: whose server.
        streams: what became of each, in their order.
        score: of the streams that it took, together; None where it took none.
        audio_s: of all streams, those that were refused too.
        cpu_s: processor seconds of the server, and of a peer's clients; None where it runs elsewhere.
        peak_mib: the most memory that the server had held; None likewise.
    """

    program: str
    streams: tuple[Heard, ...]
    score: Score | None
    audio_s: float
    cpu_s: float | None = None
    peak_mib: float | None = None

    @property
    def refusals(self) -> list[str]:
        """Why streams were not taken, or given up: of each its reason."""
        return [heard.refusal for heard in self.streams if heard.refusal]

    @property
    def late_s(self) -> float:
        """The most that any client sent behind its time."""
        return max(heard.late_s for heard in self.streams)


def load_url(name: str, url: str, protocol: Callable[[], Messages], streams: Streams) -> Iterator[LoadRun]:
    """Load the server at ``url`` with each number of streams."""
    for own in streams.values():
        _tell(name, own)
        heard = asyncio.run(hear_all(url, protocol, [read_pcm(str(stream.path)) for stream in own]))
        yield _run(name, own, heard)


def load_ours(flags: Sequence[str], streams: Streams) -> Iterator[LoadRun]:
    """Start our server anew for each number of streams, and load it.

    Raises:
        PeerError: it does not come up.
    """
    for n_streams, own in streams.items():
        _tell("max-whisper", own)
        told = {"flags": [*flags, "--max-streams", str(n_streams)]}
        server = _started(told)
        try:
            began_s = server.cpu_s
            sounds = [read_pcm(str(stream.path)) for stream in own]
            heard = asyncio.run(hear_all(f"ws://{HOST}:{server.port}/stream", OwnMessages, sounds))
            cpu_s, peak_mib = server.cpu_s - began_s, server.peak_mib
        finally:
            server.close()
        yield _run("max-whisper", own, heard, cpu_s=cpu_s, peak_mib=peak_mib)


def load_peer(name: str, command: list[str], streams: Streams) -> Iterator[LoadRun]:
    """Start a peer's server and clients anew for each number of streams; its worker's ``load`` takes their paths.

    Raises:
        PeerError: it does not come up, or failed.
    """
    for own in streams.values():
        _tell(name, own)
        with Worker(name, command) as worker:
            answer: dict[str, Any] = worker.ask("load", [str(stream.path) for stream in own]).result
        heard = [
            Heard(trace=trace_from_json(one["views"]), refusal=one["refusal"], late_s=one["late_s"])
            for one in answer["streams"]
        ]
        yield _run(name, own, heard, cpu_s=answer["cpu_s"], peak_mib=answer["peak_mib"])


def _started(told: dict[str, Any]) -> Server:
    try:
        return Server(Path(__file__).with_name("own_server.py"), told, {}, "/readyz")
    except RuntimeError as error:
        raise PeerError(str(error)) from error


def _run(name: str, streams: Sequence[Stream], heard: Sequence[Heard], **cost: float) -> LoadRun:
    taken = [score_of(stream.script, one.trace) for stream, one in zip(streams, heard, strict=True) if not one.refusal]
    return LoadRun(
        program=name,
        streams=tuple(heard),
        score=reduce(add, taken) if taken else None,
        audio_s=sum(stream.script.duration_s for stream in streams),
        **cost,
    )


def _tell(name: str, streams: Sequence[Stream]) -> None:
    sys.stderr.write(f"{name}, {len(streams)} at once …\n")
    sys.stderr.flush()
