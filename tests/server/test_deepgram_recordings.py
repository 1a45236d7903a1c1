"""Recordings sent by Deepgram's own SDK, and by hand, to a running server."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import wave
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
import pytest
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from fakes import LONG_PAUSE, ReadingModel
from fakes_server import Running, pcm, running_server

from engine.events import DecodeJob, Hypothesis
from ui.server.limits import Limits

pytestmark = pytest.mark.filterwarnings("ignore:websockets:DeprecationWarning")  # the SDK's


def wav(words: Sequence[int]) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(pcm(words))
    return file.getvalue()


RECORDING = wav([10, 20, *[LONG_PAUSE] * 3, 30])


def sent(talk: Callable[[Running], Awaitable[Any]], **server: Any) -> Any:
    async def run() -> Any:
        async with running_server(**server) as running:
            return await talk(running)

    return asyncio.run(asyncio.wait_for(run(), 20))


async def by_sdk(running: Running, key: str = "key", **query: Any) -> Any:
    url = f"http://{running.address}"
    environment = DeepgramClientEnvironment(base=url, production=url, agent=url, agent_rest=url)
    async with httpx.AsyncClient() as connections:  # the SDK leaves its own open
        client = AsyncDeepgramClient(api_key=key, environment=environment, httpx_client=connections)
        return await client.listen.v1.media.transcribe_file(request=RECORDING, **query)


async def by_hand(running: Running, content: bytes, query: str = "", kind: str = "audio/wav") -> httpx.Response:
    async with httpx.AsyncClient() as client:
        url = f"http://{running.address}/v1/listen{query}"
        return await client.post(url, content=content, headers={"content-type": kind})


def test_a_recording_is_transcribed() -> None:
    response = sent(lambda running: by_sdk(running, model="nova-3", smart_format=True, utterances=True))

    (channel,) = response.results.channels
    assert "10 20 30" == channel.alternatives[0].transcript
    assert ["10 20", "30"] == [one.transcript for one in response.results.utterances]
    assert hashlib.sha256(RECORDING).hexdigest() == response.metadata.sha256
    assert len(RECORDING) / 32_000 == pytest.approx(response.metadata.duration, abs=0.01)


def test_a_token_is_wanted_where_there_are_some() -> None:
    async def talk(running: Running) -> Any:
        with pytest.raises(ApiError) as caught:
            await by_sdk(running, "wrong")
        assert 401 == caught.value.status_code
        return await by_sdk(running, "secret")

    assert "10 20 30" == sent(talk, tokens=["secret"]).results.channels[0].alternatives[0].transcript


@pytest.mark.parametrize(
    ("content", "query", "kind", "status", "why"),
    [
        (RECORDING, "?diarize=true", "audio/wav", 400, "diarize is not supported"),
        (b"", "", "audio/wav", 400, "the recording is empty"),
        (b"no sound at all" * 100, "", "audio/wav", 400, "the recording"),
        (b'{"url": "https://example.org/a.wav"}', "", "application/json", 400, "send the recording itself"),
        (bytes(200_001), "", "audio/wav", 413, "200000 bytes"),
    ],
    ids=["what is not to be had", "nothing", "no recording", "an address", "too large"],
)
def test_what_cannot_be_heard_is_said(content: bytes, query: str, kind: str, status: int, why: str) -> None:
    limits = Limits(upload_bytes=200_000)
    answer: httpx.Response = sent(lambda running: by_hand(running, content, query, kind), limits=limits)

    fields = json.loads(answer.content)
    assert status == answer.status_code
    assert why in fields["err_msg"]
    assert fields["request_id"] == answer.headers["dg-request-id"]


def test_no_more_is_taken_than_there_is_room_for() -> None:
    async def talk(running: Running) -> httpx.Response:
        async with running.client():
            return await by_hand(running, RECORDING)

    answer: httpx.Response = sent(talk, limits=Limits(streams=1))
    assert (429, "Too Many Requests") == (answer.status_code, json.loads(answer.content)["err_code"])
    assert int(answer.headers["retry-after"]) > 0


def test_a_model_that_fails_is_told() -> None:
    class Failing(ReadingModel):
        def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
            raise RuntimeError("out of memory")

    answer: httpx.Response = sent(lambda running: by_hand(running, RECORDING), model=Failing())
    assert 500 == answer.status_code
    assert "out of memory" in json.loads(answer.content)["err_msg"]
