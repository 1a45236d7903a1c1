"""Deepgram's own SDK against a running server."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.types import ListenV1Metadata, ListenV1Results, ListenV1SpeechStarted, ListenV1UtteranceEnd
from deepgram.listen.v1.types.listen_v1configure import ListenV1Configure
from fakes import LONG_PAUSE, ReadingModel
from fakes_server import Running, pcm, running_server

from engine.alignment import WordTiming
from engine.events import DecodeJob, Hypothesis

pytestmark = pytest.mark.filterwarnings("ignore:websockets:DeprecationWarning")  # the SDK's
QUERY: dict[str, Any] = {"model": "nova-3", "encoding": "linear16", "sample_rate": 16_000}


class Speaker(ReadingModel):
    """Says of every utterance that its word ended a quarter of a second after its start."""

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        word = WordTiming(" 10", 0.125, 0.25, 0.75)
        return [replace(one, words=(word,)) for one in super().decode(jobs)]


def listening(running: Running, api_key: str = "key", **query: Any) -> AbstractAsyncContextManager[Any]:
    """A connection of the SDK, pointed at the server."""
    socket_url, url = f"ws://{running.address}", f"http://{running.address}"
    environment = DeepgramClientEnvironment(base=url, production=socket_url, agent=socket_url, agent_rest=url)
    return AsyncDeepgramClient(api_key=api_key, environment=environment).listen.v1.connect(**query)


async def send(connection: Any, words: Sequence[int]) -> None:
    sound = pcm(words)
    for at in range(0, len(sound), 3201):  # a sample may be cut in two
        await connection.send_media(sound[at : at + 3201])


def transcript(message: ListenV1Results) -> str:
    return message.channel.alternatives[0].transcript


def test_a_stream_is_transcribed_and_closed_with_its_metadata() -> None:
    async def talk() -> list[Any]:
        query = {**QUERY, "interim_results": True, "vad_events": True}
        async with running_server() as running, listening(running, **query) as connection:
            await send(connection, [10, 20, LONG_PAUSE, 30])
            await connection.send_keep_alive()
            await connection.send_close_stream()
            return [message async for message in connection]

    *messages, metadata = asyncio.run(talk())

    results = [message for message in messages if isinstance(message, ListenV1Results)]
    assert ["10 20", "30"] == [transcript(result) for result in results if result.is_final]
    assert all(result.speech_final for result in results if result.is_final)
    assert 2 == sum(isinstance(message, ListenV1SpeechStarted) for message in messages)
    assert isinstance(metadata, ListenV1Metadata)
    assert metadata.duration == pytest.approx(len(pcm([10, 20, LONG_PAUSE, 30])) / 32_000, abs=0.001)
    assert {result.metadata.request_id for result in results} == {metadata.request_id}


def test_a_wav_file_needs_no_query() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(pcm([10, 20]))

    async def talk() -> list[Any]:
        async with running_server() as running, listening(running, model="nova-3") as connection:
            for at in range(0, len(file.getvalue()), 30):
                await connection.send_media(file.getvalue()[at : at + 30])
            await connection.send_close_stream()
            return [message async for message in connection]

    result, metadata = asyncio.run(talk())

    assert transcript(result) == "10 20"
    assert (metadata.channels, metadata.duration) == (1, pytest.approx(len(pcm([10, 20])) / 32_000, abs=0.001))


def test_finalize_is_answered_with_all_that_was_said() -> None:
    async def talk() -> list[Any]:
        async with running_server() as running, listening(running, **QUERY) as connection:
            await send(connection, [10, 20])
            await connection.send_finalize()
            return [await connection.recv()]

    (result,) = asyncio.run(talk())

    assert (transcript(result), result.from_finalize) == ("10 20", True)


def test_the_end_of_an_utterance_is_told() -> None:
    async def talk() -> ListenV1UtteranceEnd:
        query = {**QUERY, "interim_results": True, "utterance_end_ms": 1000}
        async with running_server(Speaker()) as running, listening(running, **query) as connection:
            await send(connection, [10, LONG_PAUSE, LONG_PAUSE])
            await connection.send_close_stream()
            async for message in connection:
                if isinstance(message, ListenV1UtteranceEnd):
                    return message
        raise AssertionError("it was not told")

    end = asyncio.run(talk())

    assert (end.channel, end.last_word_end) == ([0, 1], 0.25)


def test_keyterms_are_replaced_while_the_stream_runs() -> None:
    async def talk() -> Any:
        async with running_server() as running, listening(running, **QUERY, keyterm=["one", "two"]) as connection:
            await connection.send_configure(ListenV1Configure(keyterms=["three"]))
            return await connection.recv()

    assert ["three"] == asyncio.run(talk()).keyterms


def test_a_bad_query_is_an_api_error() -> None:
    async def talk() -> None:
        async with running_server() as running, listening(running, **{**QUERY, "encoding": "opus"}):
            pytest.fail("opus is not served")

    with pytest.raises(ApiError) as refused:
        asyncio.run(talk())

    assert refused.value.status_code == 400


def test_the_api_key_is_one_of_the_server_s_tokens() -> None:
    async def talk(api_key: str) -> Any:
        tokens = ["a token of the server"]
        async with running_server(tokens=tokens) as running, listening(running, api_key, **QUERY) as connection:
            await connection.send_close_stream()
            return await connection.recv()

    with pytest.raises(ApiError) as refused:
        asyncio.run(talk("another token"))

    assert refused.value.status_code == 401
    assert isinstance(asyncio.run(talk("a token of the server")), ListenV1Metadata)
