"""Wyoming over a real connection, with the real client."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fakes import LONG_PAUSE, HeldModel
from fakes_server import Running, pcm, running_server
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping

from ui.server.limits import Limits
from ui.server.transport import listening_socket
from ui.server.wyoming_port import wyoming_served

FORMAT = {"rate": 16_000, "width": 2, "channels": 1}


@asynccontextmanager
async def wyoming_server(limits: Limits | None = None) -> AsyncIterator[int]:
    """Serve in the block; the port."""
    async with running_server(limits=limits) as running, wyoming_port(running) as port:
        yield port


@asynccontextmanager
async def held_server() -> AsyncIterator[tuple[HeldModel, Running, AsyncTcpClient]]:
    """Serve, with a model that reads nothing until it is let go, and connect, in the block."""
    model = HeldModel()
    async with (
        running_server(model) as running,
        wyoming_port(running) as port,
        AsyncTcpClient("127.0.0.1", port) as client,
    ):
        yield model, running, client


@asynccontextmanager
async def wyoming_port(running: Running) -> AsyncIterator[int]:
    """A server's other port, in the block."""
    bound = listening_socket("127.0.0.1", 0)
    async with wyoming_served(running.server, bound):
        yield bound.getsockname()[1]


async def send(client: AsyncTcpClient, words: list[int]) -> None:
    sound = pcm(words)
    await client.write_event(Transcribe(language="en").event())
    await client.write_event(AudioStart(**FORMAT).event())
    for at in range(0, len(sound), 2048):
        await client.write_event(AudioChunk(audio=sound[at : at + 2048], **FORMAT).event())


async def read_until(client: AsyncTcpClient, kind: str) -> list[Event]:
    events: list[Event] = []
    while not events or events[-1].type != kind:
        event = await client.read_event()
        assert event is not None, f"closed after {events}"
        events.append(event)
    return events


def test_requests_on_one_connection_are_transcribed_one_after_another() -> None:
    async def talk() -> list[list[Event]]:
        async with wyoming_server() as port, AsyncTcpClient("127.0.0.1", port) as client:
            heard = []
            for words in ([10, 20, LONG_PAUSE, 30], [40]):
                await send(client, words)
                await client.write_event(AudioStop().event())
                heard.append(await read_until(client, "transcript-stop"))
            return heard

    first, second = asyncio.run(talk())

    kinds = ["transcript-start", "transcript-chunk", "transcript-chunk", "transcript", "transcript-stop"]
    assert kinds == [event.type for event in first]
    assert Transcript.from_event(first[-2]).text == "10 20 30"
    assert Transcript.from_event(second[-2]).text == "40"


def test_who_stops_during_a_drain_still_gets_the_transcript() -> None:
    async def talk() -> list[Event]:
        async with held_server() as (model, running, client):
            await send(client, [10, 20, LONG_PAUSE])
            await asyncio.to_thread(model.was_asked.wait)
            draining = asyncio.create_task(running.server.drain())
            await client.write_event(AudioStop().event())
            await client.write_event(Ping().event())
            await read_until(client, "pong")
            model.go.set()
            events = await read_until(client, "error")
            await client.disconnect()
            await draining
            return events

    *_, transcript, stop, error = asyncio.run(asyncio.wait_for(talk(), 10))

    assert "10 20" == Transcript.from_event(transcript).text
    assert ("transcript-stop", "draining") == (stop.type, Error.from_event(error).code)


def test_a_request_that_makes_no_sense_leaves_the_one_before_its_transcript() -> None:
    async def talk() -> list[Event]:
        async with held_server() as (model, _, client):
            await send(client, [10, 20])
            await client.write_event(AudioStop().event())
            await asyncio.to_thread(model.was_asked.wait)
            await client.write_event(Transcribe(language="tlh").event())
            await client.write_event(Ping().event())  # is not read any more
            model.go.set()
            events = await read_until(client, "error")
            assert await client.read_event() is None
            return events

    *_, transcript, stop, error = asyncio.run(asyncio.wait_for(talk(), 10))

    assert "10 20" == Transcript.from_event(transcript).text
    assert ("transcript-stop", "bad-request") == (stop.type, Error.from_event(error).code)


def test_the_server_describes_itself() -> None:
    async def ask() -> Event:
        async with wyoming_server() as port, AsyncTcpClient("127.0.0.1", port) as client:
            await client.write_event(Describe().event())
            return (await read_until(client, "info"))[-1]

    (program,) = Info.from_event(asyncio.run(ask())).asr

    assert [("reading", ["en"])] == [(model.name, model.languages) for model in program.models]


def test_a_client_that_sends_no_more_gets_its_transcript_and_the_end() -> None:
    async def talk() -> tuple[list[Event], Event | None]:
        async with wyoming_server() as port, AsyncTcpClient("127.0.0.1", port) as client:
            await send(client, [10, 20])
            assert client._writer is not None
            client._writer.write_eof()
            return await read_until(client, "transcript-stop"), await client.read_event()

    events, end = asyncio.run(talk())

    assert Transcript.from_event(events[-2]).text == "10 20"
    assert end is None


def test_who_is_one_too_many_is_told_why() -> None:
    async def talk() -> tuple[Event, Event | None]:
        async with (
            wyoming_server(Limits(streams=1)) as port,
            AsyncTcpClient("127.0.0.1", port) as first,
            AsyncTcpClient("127.0.0.1", port) as second,
        ):
            await first.write_event(Describe().event())
            await read_until(first, "info")
            return (await read_until(second, "error"))[-1], await second.read_event()

    error, end = asyncio.run(talk())

    assert "all 1 streams are taken" in Error.from_event(error).text
    assert Error.from_event(error).code == "busy"
    assert end is None


def test_who_goes_on_speaking_is_still_told_why_it_is_not_served() -> None:
    async def talk() -> Event:
        async with (
            wyoming_server(Limits(streams=1)) as port,
            AsyncTcpClient("127.0.0.1", port) as first,
            AsyncTcpClient("127.0.0.1", port) as second,
        ):
            await first.write_event(Describe().event())
            await read_until(first, "info")
            for _ in range(5):
                await send(second, [10])
                await asyncio.sleep(0.05)
            return (await read_until(second, "error"))[-1]

    assert Error.from_event(asyncio.run(talk())).code == "busy"


def test_garbage_is_answered_and_the_connection_ended() -> None:
    async def talk() -> tuple[Event, Event | None]:
        async with wyoming_server() as port, AsyncTcpClient("127.0.0.1", port) as client:
            assert client._writer is not None
            client._writer.write(b"GET / HTTP/1.1\r\n\r\n")
            return (await read_until(client, "error"))[-1], await client.read_event()

    error, end = asyncio.run(talk())

    assert "this is not JSON" in Error.from_event(error).text
    assert end is None


def test_clients_that_vanish_leave_nothing_behind() -> None:
    async def vanish(port: int, sent: bytes) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        await writer.drain()
        # A reset instead of a goodbye.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    async def run() -> int:
        async with wyoming_server() as port:
            at_first = asyncio.all_tasks()
            chunk = b'{"type":"audio-chunk","data":{"rate":16000,"width":2,"channels":1},"payload_length":6400}\n'
            states = [b"", b"{", chunk, chunk + pcm([10])[:6400], chunk + pcm([10])[:6400] + b'{"type":"audio-stop"}\n']
            for sent in 4 * states:
                await vanish(port, sent)
            async with AsyncTcpClient("127.0.0.1", port) as client:
                await client.write_event(Describe().event())
                await read_until(client, "info")
            others = asyncio.all_tasks() - {asyncio.current_task()} - at_first
            await asyncio.wait({asyncio.create_task(asyncio.sleep(0)), *others}, timeout=5)
            return sum(not task.done() for task in others)

    assert 0 == asyncio.run(run())
