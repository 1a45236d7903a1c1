"""What clients may use, and how it is said that they used too much."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from fakes import LONG_PAUSE, HeldModel
from fakes_server import Message, pcm, running_server, texts, until, until_closed
from websockets.asyncio.client import ClientConnection

from engine import live_stream
from ui.server import session
from ui.server.limits import Limits, refusal_of_another

HANDSHAKE = (
    b"GET /stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def errors(messages: Sequence[Message]) -> list[str]:
    return [message["code"] for message in messages if message["kind"] == "error"]


async def ending(client: ClientConnection) -> tuple[list[Message], int | None]:
    return await until_closed(client), client.close_code


def test_one_stream_too_many_is_refused_and_told_when_to_come_back() -> None:
    async def talk() -> tuple[list[Message], int | None, bytes]:
        async with running_server(limits=Limits(streams=1)) as running, running.client() as first:
            await until(first, "session")
            async with running.client() as second:
                return *await ending(second), (await running.get("/metrics")).body

    messages, code, metrics = asyncio.run(talk())

    assert [("error", "busy")] == [(message["kind"], message["code"]) for message in messages]
    assert messages[0]["retry_after"] > 0
    assert 1013 == code
    assert b'max_whisper_refusals_total{reason="busy"} 1.0' in metrics
    assert b"max_whisper_streams 1.0" in metrics
    assert b"\nmax_whisper_tasks " in metrics


def test_a_place_is_free_again_when_a_stream_has_ended() -> None:
    async def talk() -> list[str]:
        heard = []
        async with running_server(limits=Limits(streams=1)) as running:
            for word in (10, 20, 30):
                async with running.client() as client:
                    await client.send(pcm([word]))
                    await client.send('{"kind":"end"}')
                    heard += texts(await until_closed(client))
        return heard

    assert ["10", "20", "30"] == asyncio.run(talk())


@pytest.mark.parametrize(
    ("n_streams", "busy", "lag_s", "is_refused"),
    [(0, 1.0, 0.0, False), (4, 0.95, 2.9, False), (4, 0.95, 3.1, True), (4, 0.5, 9.0, False), (32, 0.0, 0.0, True)],
)
def test_admission_goes_by_the_load(n_streams: int, busy: float, lag_s: float, is_refused: bool) -> None:
    refusal = refusal_of_another(Limits(), n_streams=n_streams, busy=busy, lag_s=lag_s)

    assert is_refused == (refusal is not None)
    assert refusal is None or (refusal.retry_after_s is not None and "try again" in refusal.message)


@pytest.mark.parametrize(("path", "is_late"), [("/stream", True), ("/stream?partials=false", False)])
def test_who_gets_no_partials_is_not_late_while_somebody_speaks(
    path: str, is_late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_LIVE_LEAD_S", 60.0)  # it need not be spoken in its own time
    monkeypatch.setattr(live_stream, "_STATUS_EVERY_S", 0.0)

    async def talk() -> float:
        model = HeldModel()
        async with running_server(model) as running, running.client(path) as client:
            await client.send(pcm(range(10, 22)))
            while (await until(client, "status"))[-1]["now"] < 4:
                pass
            model.go.set()
            return running.server.live_lag_s

    late_s = asyncio.run(asyncio.wait_for(talk(), 10))

    assert is_late == (late_s > 3)
    assert is_late == (late_s > 0)


def test_a_big_message_is_refused_by_name_and_one_as_big_as_may_be_is_not() -> None:
    async def talk(size: int) -> tuple[list[Message], int | None]:
        async with running_server(limits=Limits(message_bytes=10_000)) as running, running.client() as client:
            await client.send(bytes(size))
            await client.send('{"kind":"end"}')
            return await ending(client)

    for size, code, told in ((10_000, 1000, []), (10_001, 1009, ["too_large"])):
        messages, closed_with = asyncio.run(talk(size))

        assert (code, told) == (closed_with, errors(messages))


def test_a_huge_message_never_reaches_the_protocol() -> None:
    async def talk() -> int | None:
        async with running_server(limits=Limits(message_bytes=10_000)) as running, running.client() as client:
            await client.send(bytes(30_000))
            return (await ending(client))[1]

    assert 1009 == asyncio.run(talk())


@pytest.mark.parametrize(("limits", "reason"), [(Limits(idle_s=0.1), "idle"), (Limits(session_s=0.1), "too_long")])
def test_who_stays_too_long_is_told_and_what_was_said_is_not_lost(limits: Limits, reason: str) -> None:
    async def talk() -> tuple[list[Message], int | None]:
        async with running_server(limits=limits) as running, running.client() as client:
            await client.send(pcm([10, 20]))
            return await ending(client)

    messages, code = asyncio.run(talk())

    assert ["10 20"] == texts(messages)
    assert ([reason], 1008) == (errors(messages), code)
    assert reason == messages[-1].get("code")


def test_a_paused_client_may_be_silent() -> None:
    async def talk() -> list[Message]:
        async with running_server(limits=Limits(idle_s=0.4)) as running, running.client() as client:
            await client.send('{"kind":"pause"}')
            await asyncio.sleep(0.8)
            await client.send('{"kind":"resume"}')
            await client.send(pcm([10]))
            await client.send('{"kind":"end"}')
            return await until_closed(client)

    messages = asyncio.run(talk())

    assert (["10"], []) == (texts(messages), errors(messages))


async def send_words(client: ClientConnection, words: range) -> None:
    for word in words:
        await client.send(pcm([word, LONG_PAUSE]))
    await client.send('{"kind":"end"}')


@pytest.mark.slow
def test_while_too_much_waits_for_the_model_a_client_is_not_read() -> None:
    words = range(10, 90)

    async def talk() -> tuple[float, list[str]]:
        model = HeldModel()
        async with running_server(model, limits=Limits(queue_s=28.0)) as running, running.client() as client:
            sending = asyncio.create_task(send_words(client, words))
            await asyncio.to_thread(model.was_asked.wait, 10)
            await asyncio.sleep(0.3)
            taken_s = await running.measured("audio_seconds_total")
            model.go.set()
            await sending
            return taken_s, texts(await until_closed(client))

    taken_s, heard = asyncio.run(talk())

    assert 28.0 < taken_s < 60.0  # of 120 s
    assert [str(word) for word in words] == heard


@pytest.mark.slow
def test_a_message_beyond_all_bounds_is_answered_however_much_of_it_comes() -> None:
    async def talk() -> int:
        async with running_server(limits=Limits(message_bytes=1_000)) as running:
            reader, writer = await asyncio.open_connection(*running.address.split(":"))
            writer.write(HANDSHAKE)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"\x82\xff" + (10**8).to_bytes(8, "big") + bytes(4))  # a masked binary frame of so many bytes
            for _ in range(50):
                writer.write(bytes(100_000))
                await asyncio.sleep(0.005)
            received = bytearray()
            while piece := await reader.read(65_536):
                received += piece
            writer.close()
            return received.count(b"\x88") and int.from_bytes(received[received.rindex(b"\x88") + 2 :][:2], "big")

    assert 1009 == asyncio.run(asyncio.wait_for(talk(), 10))
