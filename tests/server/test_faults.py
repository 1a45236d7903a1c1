"""Faults of ours: they end one client's stream with a word, and nobody else's."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from fakes import ReadingModel
from fakes_server import Message, pcm, running_server, texts, until, until_closed
from websockets.exceptions import ConnectionClosed

from engine.events import DecodeJob, Hypothesis
from ui.server import transport
from ui.server.protocols.own import OwnProtocol
from ui.server.server import RefusedError

END = '{"kind":"end"}'


def break_in(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first protocol that is made fail there, and only that."""
    usual, broken = getattr(OwnProtocol, method), []

    def fail(self: OwnProtocol, *arguments: Any) -> Any:
        if not broken or broken[0] is self:
            broken[:] = [self]
            raise ZeroDivisionError("a fault")
        return usual(self, *arguments)

    monkeypatch.setattr(OwnProtocol, method, fail)


@pytest.mark.parametrize("method", ["open", "receive_message", "receive_event", "finish"])
def test_a_fault_in_a_protocol_is_told_to_its_client_alone(
    method: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk() -> tuple[list[Message], int | None, list[str], int]:
        async with running_server() as running, running.client() as first:
            with contextlib.suppress(ConnectionClosed):  # it may be closed by then
                await first.send(pcm([10]))
                await first.send(END)
            messages = await until_closed(first)
            async with running.client() as second:
                await second.send(pcm([20]))
                await second.send(END)
                return messages, first.close_code, texts(await until_closed(second)), running.server.n_streams

    break_in(method, monkeypatch)
    messages, code, heard, n_streams = asyncio.run(asyncio.wait_for(talk(), 10))

    assert ("internal", 1011) == (messages[-1]["code"], code)
    assert (["20"], 0) == (heard, n_streams)
    assert "a fault" in caplog.text


class FailingModel(ReadingModel):
    def decode(self, jobs: list[DecodeJob]) -> list[Hypothesis]:
        if any(max(job.audio) == 1_300 for job in jobs):
            raise MemoryError("too much")
        return super().decode(jobs)


def test_what_the_model_fails_over_is_told_and_the_stream_goes_on() -> None:
    async def talk() -> list[Message]:
        async with running_server(FailingModel()) as running, running.client() as client:
            messages = []
            for word in (10, 13, 20):
                await client.send(pcm([word]))
                await client.send('{"kind":"flush"}')
                messages += await until(client, "flushed")
            await client.send(END)
            return messages + await until_closed(client)

    messages = asyncio.run(asyncio.wait_for(talk(), 10))

    assert ["10", "20"] == texts(messages)
    assert [True] == [message["is_lost"] for message in messages if message["kind"] == "failed" and message["is_lost"]]
    assert "end" == messages[-1]["kind"]


class DeafModel(ReadingModel):
    """Its answers are those of no job: the service cannot go on."""

    def decode(self, jobs: list[DecodeJob]) -> list[Hypothesis]:
        return []


def test_where_nothing_is_heard_any_more_nobody_is_sent() -> None:
    async def talk() -> tuple[list[Message], int, bytes, list[Message]]:
        async with running_server(DeafModel()) as running:
            async with running.client() as client:
                await client.send(pcm([10]))
                await client.send(END)
                messages = await until_closed(client)
            async with running.client() as late:
                refused = await until_closed(late)
            with pytest.raises(RefusedError, match="the model has failed"), running.server.admit():
                pass
            answer = await running.get("/readyz")
            return messages, answer.status, answer.body, refused

    messages, status, body, refused = asyncio.run(asyncio.wait_for(talk(), 10))

    assert "internal" == messages[-1]["code"]
    assert (503, b'{"status":"model_failed"}') == (status, body)
    assert ["internal"] == [message["code"] for message in refused]


WHOLE = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "drip"),
    [
        (b"", b""),
        (b"GET /hea", b"l"),
        (WHOLE + b"GET /hea", b"l"),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n", b"x"),
    ],
    ids=["nothing", "half a request", "half of a second one", "a body that nobody wants"],
)
def test_who_never_asks_to_the_end_is_let_go(first: bytes, drip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_REQUEST_S", 0.3)

    async def talk() -> list[str]:
        async with running_server() as running, running.client() as client:
            reader, writer = await asyncio.open_connection(*running.address.split(":"))
            writer.write(first)
            reading = asyncio.create_task(reader.read())
            while not reading.done():
                writer.write(drip)
                await asyncio.sleep(0.05)
            writer.close()
            await client.send(pcm([10]))
            await client.send(END)
            return texts(await until_closed(client))

    assert ["10"] == asyncio.run(asyncio.wait_for(talk(), 10))


@pytest.mark.slow
def test_a_slow_answer_is_waited_for_on_a_connection_that_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_REQUEST_S", 0.4)

    async def talk() -> bytes:
        async with running_server() as running:
            reader, writer = await asyncio.open_connection(*running.address.split(":"))
            answers = b""
            for _ in range(3):
                writer.write(WHOLE)
                answers += await reader.readuntil(b"}")
                await asyncio.sleep(0.5)
            writer.close()
            return answers

    assert 3 == asyncio.run(asyncio.wait_for(talk(), 10)).count(b"200 OK")


def test_connections_end_before_files_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_most_connections", lambda: 5)

    async def talk() -> tuple[list[bytes], int]:
        async with running_server() as running:
            host, port = running.address.split(":")
            pairs = [await asyncio.open_connection(host, port) for _ in range(8)]
            refused = [await reader.read() for reader, _ in pairs[5:]]
            for _, writer in pairs:
                writer.close()
                await writer.wait_closed()
            return refused, (await running.get("/healthz")).status

    refused, status = asyncio.run(asyncio.wait_for(talk(), 10))
    assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in refused)
    assert 200 == status


def test_the_end_waits_for_uploads() -> None:
    async def talk() -> list[str]:
        async with running_server() as running:
            order = []
            with running.server.admit():
                draining = asyncio.create_task(running.server.drain())
                await asyncio.sleep(0.05)
                order.append(f"drained: {draining.done()}")
                with pytest.raises(RefusedError), running.server.admit():
                    pass
            await draining
            return order

    assert ["drained: False"] == asyncio.run(asyncio.wait_for(talk(), 10))
