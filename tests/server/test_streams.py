"""A stream over our own protocol, from its first message to its last, over a real socket."""

from __future__ import annotations

import asyncio

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
