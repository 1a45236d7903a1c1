"""The end of the server: what was said is finished, nobody new is taken, and it takes a bounded time."""

from __future__ import annotations

import asyncio
import base64
import json
import time

import pytest
from fakes import HeldModel
from fakes_server import Message, Running, pcm, running_server, texts, until, until_closed
from websockets.asyncio.client import ClientConnection

from ui.server.limits import Limits

DEEPGRAM = "/v1/listen?encoding=linear16&sample_rate=16000"
REALTIME = "/v1/realtime?intent=transcription"
BY_HAND = {
    "type": "transcription",
    "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}, "turn_detection": None}},
}


def test_running_utterances_are_finished_and_new_ones_refused() -> None:
    async def talk() -> tuple[list[Message], int | None, list[Message], int]:
        async with running_server() as running, running.client() as client:
            await client.send(pcm([10, 20]))
            await until(client, "speech_started")
            draining = asyncio.create_task(running.server.drain())
            finals = await until_closed(client)
            async with running.client() as late:
                refused = await until_closed(late)
            await draining
            return finals, client.close_code, refused, (await running.get("/readyz")).status

    messages, code, refused, readiness = asyncio.run(talk())

    assert ["10 20"] == texts(messages)
    assert ("draining", 1001) == (messages[-1]["code"], code)
    assert ["draining"] == [message["code"] for message in refused]
    assert 503 == readiness


async def until_draining(running: Running) -> asyncio.Task[None]:
    """Drain; returns once nobody is listened to any more, with the task that waits for the end."""
    draining = asyncio.create_task(running.server.drain())
    while (await running.get("/readyz")).status == 200:
        pass
    return draining


async def told(client: ClientConnection, kind: str) -> Message:
    """The next message whose ``type`` ends so."""
    while not (message := json.loads(await client.recv()))["type"].endswith(kind):
        pass
    return message


def test_who_finalizes_during_a_drain_still_gets_the_text() -> None:
    async def talk() -> list[Message]:
        model = HeldModel()
        async with running_server(model) as running, running.client(DEEPGRAM) as client:
            await client.send(pcm([10, 20]) + bytes(4_000))
            await asyncio.to_thread(model.was_asked.wait)
            draining = await until_draining(running)
            await client.send('{"type": "Finalize"}')
            await client.send('{"type": "Configure"}')
            await told(client, "ConfigureSuccess")
            model.go.set()
            messages = await until_closed(client)
            await draining
            return messages

    result, error = asyncio.run(asyncio.wait_for(talk(), 10))

    assert ("10 20", True) == (result["channel"]["alternatives"][0]["transcript"], result["from_finalize"])
    assert "draining" == error["variant"]


@pytest.mark.parametrize("commits", [False, True])
def test_an_item_by_hand_is_completed_before_a_drain_ends(commits: bool) -> None:
    async def talk() -> list[Message]:
        model = HeldModel()
        async with running_server(model) as running, running.client(REALTIME) as client:
            await client.send(json.dumps({"type": "session.update", "session": BY_HAND}))
            sound = base64.b64encode(pcm([10, 20])).decode()
            await client.send(json.dumps({"type": "input_audio_buffer.append", "audio": sound}))
            await asyncio.to_thread(model.was_asked.wait)
            draining = await until_draining(running)
            if commits:
                await client.send('{"type": "input_audio_buffer.commit"}')
                await told(client, "committed")
            model.go.set()
            messages = await until_closed(client)
            await draining
            return messages

    *_, completed, error = asyncio.run(asyncio.wait_for(talk(), 10))

    assert "10 20" == completed["transcript"]
    assert "server_shutting_down" == error["error"]["code"]


def test_what_cannot_be_finished_in_time_is_given_up() -> None:
    async def talk() -> float:
        model = HeldModel()
        async with running_server(model, limits=Limits(drain_s=0.2)) as running, running.client() as client:
            await client.send(pcm([10, 20]))
            await until(client, "speech_started")
            began = time.monotonic()
            await running.server.drain()
            took_s = time.monotonic() - began
            model.go.set()
            return took_s

    assert 0.2 <= asyncio.run(talk()) < 1.0


@pytest.mark.parametrize("n_clients", [0, 5])
def test_the_port_is_free_again(n_clients: int) -> None:
    async def talk() -> list[int | None]:
        clients = []
        async with running_server() as running:
            for _ in range(n_clients):
                clients.append(await running.client())
                await until(clients[-1], "session")
            await running.server.drain()
        for client in clients:
            await client.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            await running.client()
        return [client.close_code for client in clients]

    assert [1001] * n_clients == asyncio.run(talk())
