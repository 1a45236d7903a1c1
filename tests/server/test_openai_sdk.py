"""OpenAI's realtime protocol over a socket, by OpenAI's own SDK, with a model that reads numbers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fakes import LONG_PAUSE, ReadingModel
from fakes_server import pcm, running_server
from openai_sdk import append, is_completed, realtime, sdk, texts, until
from websockets.exceptions import ConnectionClosed

from ui.server import stall
from ui.server.limits import Limits

pytestmark = pytest.mark.slow

AT_16_KHZ = {"type": "audio/pcm", "rate": 16_000}
"""What the model reads must not be resampled.  No rate but 24 kHz is OpenAI's, so the SDK has no type for this one."""


async def configured(connection: Any, **settings: Any) -> None:
    await connection.session.update(
        session={"type": "transcription", "audio": {"input": {"format": AT_16_KHZ} | settings}}
    )
    kinds = [json.loads(await connection.recv_bytes())["type"] for _ in range(2)]
    assert ["session.created", "session.updated"] == kinds


def test_the_server_finds_the_utterances() -> None:
    async def talk() -> list[dict[str, Any]]:
        async with running_server() as running, realtime(running) as connection:
            await configured(connection)
            await append(connection, pcm([10, 20, LONG_PAUSE, 30, LONG_PAUSE]), 16_000)
            events = await until(connection, is_completed)
            return events + await until(connection, is_completed)

    events = asyncio.run(talk())
    assert ["10 20", "30"] == texts(events)
    committed = [event for event in events if event["type"] == "input_audio_buffer.committed"]
    assert [None, committed[0]["item_id"]] == [event["previous_item_id"] for event in committed]


def test_commits_by_hand() -> None:
    async def talk() -> list[dict[str, Any]]:
        events = []
        async with running_server() as running, realtime(running) as connection:
            await configured(connection, turn_detection=None)
            for words in ([10, LONG_PAUSE, 20], [30]):
                await append(connection, pcm(words), 16_000)
                await connection.input_audio_buffer.commit()
                events += await until(connection, is_completed)
        return events

    assert ["10 20", "30"] == texts(asyncio.run(talk()))


def test_two_commits_at_once_do_not_mix() -> None:
    async def talk() -> list[dict[str, Any]]:
        async with running_server() as running, realtime(running) as connection:
            await configured(connection, turn_detection=None)
            for words in ([10, 20], [30, 40]):
                await append(connection, pcm(words), 16_000)
                await connection.input_audio_buffer.commit()
            events = await until(connection, is_completed)
            return events + await until(connection, is_completed)

    events = asyncio.run(talk())
    assert ["10 20", "30 40"] == texts(events)
    committed = [event["item_id"] for event in events if event["type"] == "input_audio_buffer.committed"]
    assert committed == [event["item_id"] for event in events if is_completed(event)]


def test_who_commits_by_hand_may_pause_as_long_as_they_like(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the server listens for the end of an utterance, sound that stops coming is one; here the client says it."""
    monkeypatch.setattr(stall, "_STALL_S", 0.05)
    monkeypatch.setattr(stall, "_GRACE_S", 0.0)
    model = ReadingModel()

    async def talk() -> list[dict[str, Any]]:
        async with running_server(model) as running, realtime(running) as connection:
            await configured(connection, turn_detection=None)
            for words in ([10, 20], [30]):
                await append(connection, pcm(words), 16_000)
                await asyncio.sleep(0.2)
            await connection.input_audio_buffer.commit()
            return await until(connection, is_completed)

    assert ["10 20 30"] == texts(asyncio.run(talk()))
    assert {1} == {job.utterance_id for job in model.jobs}


def test_what_is_cleared_is_not_heard() -> None:
    async def talk() -> list[dict[str, Any]]:
        async with running_server() as running, realtime(running) as connection:
            await configured(connection, turn_detection=None)
            await append(connection, pcm([10, 20]), 16_000)
            await connection.input_audio_buffer.clear()
            await append(connection, pcm([30, 40]), 16_000)
            await connection.input_audio_buffer.commit()
            return await until(connection, is_completed)

    assert ["30 40"] == texts(asyncio.run(talk()))


def test_mistakes_are_answered_and_the_session_goes_on() -> None:
    async def talk() -> list[dict[str, Any]]:
        async with running_server() as running, realtime(running) as connection:
            await configured(connection, turn_detection=None)
            await connection.input_audio_buffer.commit(event_id="too-early")
            events = await until(connection, lambda event: event["type"] == "error")
            await append(connection, pcm([10]), 16_000)
            await connection.input_audio_buffer.commit()
            return events + await until(connection, is_completed)

    events = asyncio.run(talk())
    assert "too-early" == events[0]["error"]["event_id"]
    assert ["10"] == texts(events)


def test_no_more_is_taken_than_there_is_room_for() -> None:
    async def overload() -> dict[str, Any]:
        async with running_server(limits=Limits(streams=1)) as running, realtime(running) as first:
            await until(first, lambda event: event["type"] == "session.created")
            async with realtime(running) as second:
                [error] = await until(second, lambda event: event["type"] == "error")
                with pytest.raises(ConnectionClosed) as closed:
                    await second.recv_bytes()
                assert 1013 == closed.value.rcvd.code
            return error

    assert "rate_limit_exceeded" == asyncio.run(overload())["error"]["code"]


def test_the_sdk_s_key_is_the_token() -> None:
    async def knock() -> list[str]:
        async with (
            running_server(tokens=["secret"]) as running,
            sdk(running, "secret") as client,
            client.realtime.connect() as connection,
        ):
            return [(await connection.recv()).type]

    assert ["session.created"] == asyncio.run(knock())
