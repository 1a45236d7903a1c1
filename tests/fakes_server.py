"""A server that runs in the test, on this machine alone, with a model that reads numbers; and a client of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from fakes import LoudnessDetector, ReadingModel, speech
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from engine import service
from engine.options import StreamingOptions
from engine.service import ModelService, SpeechModel
from engine.timings import Timings
from stream.detector import VoiceDetector
from stream.gate import GateOptions
from ui.server.access import Access
from ui.server.app import make_app
from ui.server.limits import Limits
from ui.server.server import ModelInfo, SpeechServer
from ui.server.transport import Transport, listening_socket, served

Message = Mapping[str, Any]


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


def _get(request: Request) -> Answer:
    try:
        with urlopen(request) as response:
            return Answer(response.status, response.headers, response.read())
    except HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


@dataclass(frozen=True)
class Running:
    """A server and where it listens, "127.0.0.1:PORT"."""

    server: SpeechServer
    address: str

    def client(self, path: str = "/stream", **options: Any) -> connect:
        return connect(f"ws://{self.address}{path}", **options)

    async def get(self, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        request = Request(f"http://{self.address}{path}", body, headers, method=method)
        return await asyncio.to_thread(_get, request)

    async def measured(self, name: str) -> float:
        """A figure of /metrics."""
        lines = (await self.get("/metrics")).body.decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"max_whisper_{name} "))


IN_ONE_PIECE = StreamingOptions(gate=GateOptions(noise_margin_db=0.0))
"""Kennedy's pauses are longer than our hangover: what he says is one utterance only if his room is heard as a voice."""


@asynccontextmanager
async def running_server(
    model: SpeechModel | None = None,
    *,
    limits: Limits | None = None,
    tokens: Sequence[str] = (),
    origins: Sequence[str] = (),
    ping_s: float = 20.0,
    tls: tuple[Path, Path] | tuple[None, None] = (None, None),
    detector: Callable[[], VoiceDetector] = LoudnessDetector,
    defaults: StreamingOptions | None = None,
    languages: tuple[str, ...] = ("en",),
) -> AsyncIterator[Running]:
    """Serve in the block."""
    limits = limits or Limits()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "WebRtcDetector", detector)
        async with ModelService(model or ReadingModel()) as running:
            server = SpeechServer(running, ModelInfo("reading", languages), limits, defaults or StreamingOptions())
            bound = listening_socket("127.0.0.1", 0)
            transport = Transport(message_bytes=limits.message_bytes, ping_s=ping_s, tls_cert=tls[0], tls_key=tls[1])
            access = Access(tokens, origins, time.monotonic)
            async with served(make_app(server, access, Timings(time.perf_counter)), bound, transport):
                try:
                    yield Running(server, f"127.0.0.1:{bound.getsockname()[1]}")
                finally:
                    await server.aclose()


def pcm(words: Sequence[int]) -> bytes:
    """``speech`` as it goes over the wire."""
    return speech(words).astype("<i2").tobytes()


async def until_closed(client: ClientConnection) -> list[Message]:
    """Everything until the server closes."""
    messages = []
    try:
        while True:
            messages.append(json.loads(await client.recv()))
    except ConnectionClosed:
        return messages


async def until(client: ClientConnection, kind: str) -> list[Message]:
    """Everything until a message of ``kind``, that one too."""
    messages: list[Message] = []
    while not messages or messages[-1]["kind"] != kind:
        messages.append(json.loads(await client.recv()))
    return messages


def texts(messages: Sequence[Message]) -> list[str]:
    """What was finally heard."""
    return [message["text"] for message in messages if message["kind"] == "final"]


def cut(client: ClientConnection) -> None:
    """Lose the connection, as a cable that is pulled does once somebody notices: without a goodbye."""
    client.transport.abort()


async def no_streams(running: Running) -> None:
    """Returns when no stream is left; asks the server itself, whose answers let it work in between."""
    while running.server.n_streams or running.server.service.load.n_streams:
        await running.get("/healthz")
