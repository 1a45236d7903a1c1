"""The end of the server: what was said is finished, nobody new is taken, and it takes a bounded time."""

from __future__ import annotations

import asyncio
import time

import pytest
from fakes import HeldModel
from fakes_server import Message, pcm, running_server, texts, until, until_closed

from ui.server.limits import Limits


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
