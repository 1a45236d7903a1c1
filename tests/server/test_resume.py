"""A client that is cut off comes back to its session and misses nothing, whatever state it was cut off in."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from itertools import pairwise

import pytest
from fakes import LONG_PAUSE
from fakes_server import Message, Running, cut, no_streams, pcm, running_server, texts, until, until_closed

from ui.server.limits import Limits

WORDS = [10, 20, LONG_PAUSE, 30, 40, LONG_PAUSE, 50]
SPOKEN = ["10 20", "30 40", "50"]
END = '{"kind":"end"}'


def again(running: Running, messages: list[Message]) -> str:
    """The path that goes on behind what was received."""
    last = max(message.get("seq", 0) for message in messages)
    return f"/stream?session={messages[0]['session']}&after={last}"


def numbers(messages: list[Message]) -> list[int]:
    return [message["seq"] for message in messages if "seq" in message and message["kind"] != "session"]


async def talk_with_cuts(cut_at: list[int]) -> list[Message]:
    """Send all of ``WORDS``, and lose the connection, with what is under way, wherever so many bytes have been sent."""
    audio, seen, sent = pcm(WORDS), [], 0
    async with running_server() as running:
        path = "/stream"
        for end in [*cut_at, len(audio)]:
            async with running.client(path) as client:
                hello = (await until(client, "session"))[-1]
                seen.append(hello)
                sent = 2 * hello["received"]
                await client.send(audio[sent:end])
                if end == len(audio):
                    await client.send(END)
                    seen += await until_closed(client)
                else:
                    cut(client)
                path = again(running, seen)
    return seen


@pytest.mark.parametrize("cut_at", [[], [100], [9_601], [20_000, 40_000, 60_001], list(range(5_000, 120_000, 17_001))])
def test_nothing_is_lost_and_nothing_is_said_twice(cut_at: list[int]) -> None:
    messages = asyncio.run(talk_with_cuts(cut_at))

    assert SPOKEN == texts(messages)
    assert all(two == one + 1 for one, two in pairwise(numbers(messages)))
    assert [] == [message for message in messages if message["kind"] in {"gap", "error"}]


def test_who_comes_back_amid_a_word_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends an utterance is sound that stays away from a connection, not the way back to one."""
    monkeypatch.setattr("ui.server.stall._STALL_S", 0.4)

    async def talk() -> list[Message]:
        audio = pcm([10, 20])
        async with running_server() as running:
            async with running.client() as client:
                await client.send(audio[:20_000])
                messages = await until(client, "speech_started")
                cut(client)
            await asyncio.sleep(0.25)
            async with running.client(again(running, messages)) as client:
                hello = await client.recv()
                await asyncio.sleep(0.25)
                await client.send(audio[2 * json.loads(hello)["received"] :])
                await client.send(END)
                return await until_closed(client)

    assert ["10 20"] == texts(asyncio.run(asyncio.wait_for(talk(), 5)))


def test_what_was_said_while_nobody_listened_is_told_later() -> None:
    async def talk() -> list[Message]:
        async with running_server() as running:
            async with running.client() as client:
                messages = await until(client, "session")
                await client.send(pcm(WORDS))
                await client.send(END)
                cut(client)
            async with running.client(again(running, messages)) as client:
                return await until_closed(client)

    messages = asyncio.run(talk())

    assert SPOKEN == texts(messages)
    assert ("session", True, "end") == (messages[0]["kind"], messages[0]["resumed"], messages[-1]["kind"])


def test_audio_that_a_client_lost_is_a_gap() -> None:
    async def talk() -> list[Message]:
        async with running_server() as running, running.client() as client:
            await client.send(pcm([10]))
            await client.send('{"kind":"gap","samples":32000}')
            await client.send(pcm([20]))
            await client.send(END)
            return await until_closed(client)

    messages = asyncio.run(talk())

    gap = next(message for message in messages if message["kind"] == "gap")
    assert (0.5, 2.5) == (gap["start"], gap["end"])
    assert ["10", "20"] == texts(messages)


def test_a_new_connection_takes_the_place_of_one_that_still_seems_to_be_there() -> None:
    async def talk() -> tuple[int | None, list[Message]]:
        async with running_server() as running, running.client() as first:
            messages = await until(first, "session")
            await first.send(pcm(WORDS[:3]))
            messages += await until(first, "final")
            async with running.client(again(running, messages)) as second:
                await until_closed(first)
                await second.send(pcm(WORDS[3:]))
                await second.send(END)
                return first.close_code, messages + await until_closed(second)

    code, messages = asyncio.run(talk())

    assert 4409 == code
    assert SPOKEN == texts(messages)


@pytest.mark.parametrize("way", ["never was", "ended", "too late", "beyond"])
def test_what_is_gone_is_said_to_be_gone(way: str) -> None:
    async def talk() -> tuple[list[Message], int | None]:
        async with running_server(limits=Limits(resume_s=0.05 if way == "too late" else 60.0)) as running:
            async with running.client() as client:
                messages = await until(client, "session")
                if way == "ended":
                    await client.send(END)
                    await until_closed(client)
                elif way != "never was":
                    cut(client)
            await asyncio.sleep(0.2 if way == "too late" else 0.0)
            session = "xyz" if way == "never was" else messages[0]["session"]
            async with running.client(f"/stream?session={session}&after={999 if way == 'beyond' else 0}") as client:
                return await until_closed(client), client.close_code

    messages, code = asyncio.run(talk())

    assert ["gone"] == [message["code"] for message in messages]
    assert 4410 == code


def test_one_who_stays_away_leaves_nothing_behind() -> None:
    async def talk() -> None:
        async with running_server(limits=Limits(resume_s=0.1)) as running:
            async with running.client() as client:
                await until(client, "session")
                cut(client)
            await no_streams(running)

    asyncio.run(asyncio.wait_for(talk(), 10))


def test_one_who_stays_away_is_not_left_to_the_garbage_collector() -> None:
    """A session has room for half a minute of sound: a few hundred of them are much."""

    async def talk() -> bool:
        async with running_server(limits=Limits(resume_s=0.1)) as running:
            async with running.client() as client:
                await client.send(pcm([10])[:9_601])
                await until(client, "session")
                (held,) = running.server._held.values()
                session = weakref.ref(held.session)
                del held
                cut(client)
            await no_streams(running)
            await asyncio.sleep(0.05)
            return session() is None

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(asyncio.wait_for(talk(), 10))
    finally:
        gc.enable()
