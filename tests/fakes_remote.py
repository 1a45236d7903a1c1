"""What the tests of the client share: sources that things happen to, and a connection that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from fakes import LONG_PAUSE, ListSource, cut, speech

from engine.events import Discarded, Event, Final, SpeechStarted
from stream.audio import AudioChunk
from ui.remote.client import Remote, remote_captions

WORDS = [10, 20, LONG_PAUSE, 30, 40, LONG_PAUSE, 50, LONG_PAUSE, 60]
SPOKEN = ["10 20", "30 40", "50", "60"]
CHUNKS = cut(speech(WORDS), lambda: 1_600)

At = Callable[[int], Awaitable[None]]


class StagedSource:
    """Yields chunks a tenth of a second long; before each, what is to happen then happens."""

    name = "staged"

    def __init__(self, at: At, chunks: Sequence[AudioChunk] = CHUNKS) -> None:
        self._at = at
        self._chunks = chunks

    async def chunks(self) -> AsyncGenerator[AudioChunk]:
        for n, chunk in enumerate(self._chunks):
            await self._at(n)
            yield chunk


@dataclass
class Wire:
    """A connection between client and server that can be cut, and mended."""

    target: str = ""
    port: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/stream"

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self.target.partition(":")
        try:
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
        except (OSError, ValueError):
            writer.transport.abort()
            return
        self.writers += [writer, far_writer]
        await asyncio.gather(pour(reader, far_writer), pour(far_reader, writer))


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while received := await reader.read(65_536):
            writer.write(received)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def wire() -> AsyncIterator[Wire]:
    between = Wire()
    listener = await asyncio.start_server(between.carry, "127.0.0.1", 0)
    between.port = listener.sockets[0].getsockname()[1]
    try:
        yield between
    finally:
        listener.close()
        between.cut()


async def shown(
    source: StagedSource | ListSource, remote: Remote, said: list[str] | None = None, *, can_wait: bool = False
) -> list[Event]:
    """All events of a run, in whose course time never went back, and every utterance that began was ended."""
    tell = [].append if said is None else said.append
    events = remote_captions(source, remote, asyncio.Event(), tell, can_wait=can_wait)
    async with contextlib.aclosing(events):
        timed = [one async for one in events]
    assert timed == sorted(timed, key=lambda one: one.t_s)
    started = [one.event.utterance_id for one in timed if isinstance(one.event, SpeechStarted)]
    assert started == [one.event.utterance_id for one in timed if isinstance(one.event, Final | Discarded)]
    return [one.event for one in timed]


def finals(events: Sequence[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Final)]
