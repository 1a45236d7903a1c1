"""OpenAI's SDK as a client of a server under test."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fakes_server import Running
from openai import AsyncOpenAI
from openai_client import validated

CHUNK_S = 0.1
TRANSCRIPTION = "conversation.item.input_audio_transcription"


@asynccontextmanager
async def sdk(running: Running, token: str = "none") -> AsyncIterator[AsyncOpenAI]:
    address = {"base_url": f"http://{running.address}/v1", "websocket_base_url": f"ws://{running.address}/v1"}
    async with AsyncOpenAI(api_key=token, max_retries=0, **address) as client:
        yield client


@asynccontextmanager
async def realtime(running: Running, *, is_beta: bool = False) -> AsyncIterator[Any]:
    """A connection of the SDK, GA or the older beta."""
    query = {"intent": "transcription"}
    async with sdk(running) as client:
        if is_beta:
            connecting = client.beta.realtime.connect(model="gpt-4o-transcribe", extra_query=query)
        else:
            connecting = client.realtime.connect(extra_query=query)
        async with connecting as connection:
            yield connection


async def append(connection: Any, sound: bytes, rate: int, sample_bytes: int = 2, *, is_paced: bool = False) -> None:
    """Send ``sound`` in pieces, as a microphone would: at the speed of speech, or as fast as can be."""
    n_bytes = round(CHUNK_S * rate) * sample_bytes
    for at in range(0, len(sound), n_bytes):
        await asyncio.sleep(CHUNK_S if is_paced else 0)
        await connection.input_audio_buffer.append(audio=base64.b64encode(sound[at : at + n_bytes]).decode())


async def until(
    connection: Any, is_last: Callable[[dict[str, Any]], bool], *, is_beta: bool = False
) -> list[dict[str, Any]]:
    """Every event up to the last one wanted, each checked against the SDK's types."""
    events: list[dict[str, Any]] = []
    while not events or not is_last(events[-1]):
        events.append(validated(await connection.recv_bytes(), is_beta=is_beta))
    return events


def is_completed(event: dict[str, Any]) -> bool:
    return event["type"] == f"{TRANSCRIPTION}.completed"


def texts(events: list[dict[str, Any]]) -> list[str]:
    """The transcripts, each of which must be what its deltas were."""
    deltas: dict[str, str] = {}
    found = []
    for event in events:
        if event["type"] == f"{TRANSCRIPTION}.delta":
            deltas[event["item_id"]] = deltas.get(event["item_id"], "") + event["delta"]
        if is_completed(event):
            assert deltas.get(event["item_id"], "") == event["transcript"]
            found.append(event["transcript"])
    return found
