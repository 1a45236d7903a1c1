"""Clients that vanish, fall silent, do not read, or send rubbish: they cost themselves, and leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fakes import LONG_PAUSE, HeldModel
from fakes_server import Message, Running, cut, no_streams, pcm, running_server, texts, until, until_closed
from websockets.asyncio.client import ClientConnection

from ui.server.limits import Limits

WORDS = [10, 20, LONG_PAUSE, 30]
END = '{"kind":"end"}'


async def a_word(running: Running, word: int) -> list[str]:
    async with running.client() as client:
        await client.send(pcm([word]))
        await client.send(END)
        return texts(await until_closed(client))


async def connect_only(running: Running) -> None:
    host, port = running.address.split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.transport.abort()


async def half_a_handshake(running: Running) -> None:
    host, port = running.address.split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n")
    await writer.drain()
    writer.transport.abort()


async def after_hello(client: ClientConnection) -> None:
    await until(client, "session")


async def in_speech(client: ClientConnection) -> None:
    await client.send(pcm([10, 20])[:20_001])
    await until(client, "speech_started")


async def in_a_pause(client: ClientConnection) -> None:
    await client.send('{"kind":"pause"}')
    await client.send(pcm(WORDS))


async def before_the_final(client: ClientConnection) -> None:
    await client.send(pcm(WORDS))
    await client.send('{"kind":"flush","tag":"x"}')


async def after_the_final(client: ClientConnection) -> None:
    await client.send(pcm(WORDS))
    await until(client, "final")


async def after_the_end(client: ClientConnection) -> None:
    await client.send(pcm(WORDS))
    await client.send(END)


async def amid_rubbish(client: ClientConnection) -> None:
    for rubbish in ("", "{", "[]", "null", '{"kind":1}', '{"kind":"flush","tag":[]}', "[" * 100_000, b"\xff"):
        await client.send(rubbish)


CUTS = [after_hello, in_speech, in_a_pause, before_the_final, after_the_final, after_the_end, amid_rubbish]


def cutting(state: Callable[[ClientConnection], Awaitable[None]]) -> Callable[[Running], Awaitable[None]]:
    async def go(running: Running) -> None:
        async with running.client() as client:
            await state(client)
            cut(client)

    return go


WAYS = [connect_only, half_a_handshake, *map(cutting, CUTS)]


@pytest.mark.parametrize("way", WAYS, ids=["connect_only", "half_a_handshake", *(state.__name__ for state in CUTS)])
def test_who_vanishes_leaves_nothing_behind(way: Callable[[Running], Awaitable[None]]) -> None:
    async def talk() -> list[str]:
        async with running_server(limits=Limits(resume_s=0.02)) as running:
            await way(running)
            await no_streams(running)
            return await a_word(running, 70)

    assert ["70"] == asyncio.run(asyncio.wait_for(talk(), 10))


def n_open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.slow
def test_two_hundred_connections_leave_no_task_and_no_file() -> None:
    async def talk() -> list[tuple[int, int]]:
        counts = []
        async with running_server(limits=Limits(resume_s=0.02)) as running:
            for n in range(205):
                await WAYS[n % len(WAYS)](running)
                if n % 50 == 4:
                    await no_streams(running)
                    assert ["70"] == await a_word(running, 70)
                    gc.collect()
                    counts.append((len(asyncio.all_tasks()), n_open_files()))
        return counts

    counts = asyncio.run(asyncio.wait_for(talk(), 60))

    assert [counts[0]] * len(counts) == counts


def slow_socket(address: str) -> socket.socket:
    """One that takes little before somebody reads."""
    host, port = address.split(":")
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
    slow.connect((host, int(port)))
    slow.setblocking(False)
    return slow


@pytest.mark.slow
def test_who_does_not_read_is_cut_off_and_nobody_else_notices() -> None:
    limits = Limits(outbox_bytes=10_000, close_s=0.1, resume_s=0.05)

    async def talk() -> tuple[list[str], bytes]:
        async with running_server(limits=limits) as running:
            slow = slow_socket(running.address)
            async with running.client(sock=slow, close_timeout=0.1, ping_interval=None) as client:
                client.transport.pause_reading()
                flood = asyncio.create_task(flood_with_requests(client))
                heard = await a_word(running, 70)
                await no_streams(running)
                flood.cancel()
                cut(client)
                return heard, (await running.get("/metrics")).body

    heard, metrics = asyncio.run(asyncio.wait_for(talk(), 20))

    assert ["70"] == heard
    assert b'max_whisper_refusals_total{reason="too_slow"} 1.0' in metrics


async def flood_with_requests(client: ClientConnection) -> None:
    """Each is answered with some two hundred bytes that nobody reads."""
    while True:
        await client.send('{"kind":"' + 100 * "x" + '"}')


def test_a_client_that_answers_no_ping_is_gone() -> None:
    async def talk() -> None:
        async with (
            running_server(limits=Limits(resume_s=0.05), ping_s=0.1) as running,
            running.client(close_timeout=0.1) as client,
        ):
            await until(client, "session")
            client.transport.pause_reading()
            await no_streams(running)
            cut(client)

    asyncio.run(asyncio.wait_for(talk(), 10))


@pytest.mark.slow
def test_a_client_that_is_not_read_for_long_is_not_taken_for_gone() -> None:
    """Its answers to pings wait behind the audio that waits for the model."""
    words = range(10, 80)

    async def talk() -> list[str]:
        model = HeldModel()
        async with (
            running_server(model, limits=Limits(queue_s=28.0), ping_s=0.1) as running,
            running.client(ping_interval=None) as client,
        ):
            hearing = asyncio.create_task(until_closed(client))
            sending = asyncio.create_task(send_words(client, words))
            await asyncio.to_thread(model.was_asked.wait, 10)
            await asyncio.sleep(0.6)
            model.go.set()
            await sending
            return texts(await hearing)

    assert [str(word) for word in words] == asyncio.run(asyncio.wait_for(talk(), 20))


async def send_words(client: ClientConnection, words: range) -> None:
    for word in words:
        await client.send(pcm([word, LONG_PAUSE]))
    await client.send(END)


def test_who_stands_still_itself_does_not_take_a_client_for_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sound has come by then; it only was not read."""
    monkeypatch.setattr("ui.server.stall._STALL_S", 0.1)

    async def talk() -> list[str]:
        async with running_server() as running, running.client() as client:
            sound = pcm([10, 20, 30])
            await client.send(sound[:20_000])
            await until(client, "speech_started")
            await client.send(sound[20_000:])
            time.sleep(0.3)  # noqa: ASYNC251  # the server's loop is this one
            await client.send(END)
            return texts(await until_closed(client))

    assert ["10 20 30"] == asyncio.run(asyncio.wait_for(talk(), 5))


def test_a_client_that_falls_silent_amid_a_word_still_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.server.stall._STALL_S", 0.1)

    async def talk() -> list[Message]:
        async with running_server() as running, running.client() as client:
            await client.send(pcm([10, 20]))
            messages = await until(client, "final")
            await client.send(END)
            return messages + await until_closed(client)

    messages = asyncio.run(asyncio.wait_for(talk(), 5))

    assert ["10 20"] == texts(messages)
    assert "flushed" not in {message["kind"] for message in messages}
