"""A stream over our own protocol, from its first message to its last, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from fakes import LONG_PAUSE
from fakes_server import Message, pcm, running_server, texts, until_closed


def test_speech_becomes_finals() -> None:
    async def talk() -> tuple[list[Message], int | None]:
        async with running_server() as running, running.client() as client:
            await client.send(pcm([10, 20, LONG_PAUSE, 30]))
            await client.send('{"kind":"end"}')
            return await until_closed(client), client.close_code

    messages, code = asyncio.run(talk())

    assert 1000 == code
    assert ["10 20", "30"] == texts(messages)
    assert ("session", "end") == (messages[0]["kind"], messages[-1]["kind"])
    numbers = [message["seq"] for message in messages if "seq" in message]
    assert list(range(len(numbers))) == numbers


@pytest.mark.parametrize(
    "between", [['{"kind":"flush"}'], ['{"kind":"pause"}', '{"kind":"resume"}'], ['{"kind":"gap","samples":1}']]
)
def test_half_a_sample_goes_on_in_the_next_message(between: Sequence[str]) -> None:
    async def talk() -> list[str]:
        async with running_server() as running, running.client() as client:
            first, second = pcm([10, 20]), pcm([30]) + bytes(32_000)
            await client.send(first + second[:1])
            for message in (*between, second[1:]):
                await client.send(message)
            await client.send('{"kind":"end"}')
            return texts(await until_closed(client))

    assert "10 20 30" == " ".join(asyncio.run(asyncio.wait_for(talk(), 10)))
