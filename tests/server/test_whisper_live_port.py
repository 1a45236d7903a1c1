"""WhisperLive's protocol over a real connection, message by message as its client sends them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fakes import LONG_PAUSE
from fakes_server import pcm, running_server, until_closed
from websockets.asyncio.client import ClientConnection

from ui.server.limits import Limits


async def begin(client: ClientConnection, uid: str) -> None:
    await client.send(json.dumps({"uid": uid, "model": "reading", "audio_format": "int16", "language": "en"}))


def test_a_stream_is_transcribed_until_its_end() -> None:
    async def talk() -> tuple[list[Any], int | None]:
        async with running_server() as running, running.client("/") as client:
            await begin(client, "me")
            await client.send(pcm([10, 20, LONG_PAUSE, 30]))
            await client.send(b"END_OF_AUDIO")
            return await until_closed(client), client.close_code

    messages, code = asyncio.run(talk())

    assert 1000 == code
    assert {"uid": "me", "message": "SERVER_READY", "backend": "faster_whisper"} == messages[0]
    assert [(" 10 20", True), (" 30", True)] == [(one["text"], one["completed"]) for one in messages[-1]["segments"]]


def test_who_is_one_too_many_is_told_to_wait() -> None:
    async def talk() -> tuple[list[Any], int | None]:
        async with (
            running_server(limits=Limits(streams=1)) as running,
            running.client("/") as first,
            running.client("/") as second,
        ):
            await begin(first, "one")
            await first.recv()
            await begin(second, "two")
            return await until_closed(second), second.close_code

    messages, _ = asyncio.run(talk())

    assert [("two", "WAIT")] == [(message["uid"], message["status"]) for message in messages]
    assert 0 < messages[0]["message"] < 10


@pytest.mark.slow
def test_what_was_said_last_is_completed_when_the_client_falls_silent() -> None:
    async def talk() -> Any:
        async with running_server() as running, running.client("/") as client:
            await begin(client, "me")
            await client.send(pcm([10, 20]))
            while True:
                segments = json.loads(await client.recv()).get("segments", [{}])
                if segments[-1].get("completed"):
                    return segments

    assert [" 10 20"] == [segment["text"] for segment in asyncio.run(talk())]
