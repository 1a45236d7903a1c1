"""Clients of every protocol the server speaks: each sends one recording and returns the text that it is told.

Sound is int16, mono, 16 kHz.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
import struct
import wave
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

import openai
from soak_dialects import Dialect, Own, ToldError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error

BLOCK_S = 0.1
BLOCK_BYTES = 3_200
_AS_FAST_S = 0.002
WYOMING_FORMAT: Mapping[str, Any] = {"rate": 16_000, "width": 2, "channels": 1}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server listens: "HOST:PORT" of its page, and the port of Wyoming if it has one."""

    address: str
    wyoming_port: int | None = None

    @property
    def host(self) -> str:
        """Its name, or its number."""
        return self.address.rpartition(":")[0]


@dataclass(frozen=True, slots=True)
class Pace:
    """How a client sends: at the speed of speech or as fast as it is read; ``rests_s``: block → seconds of nothing."""

    is_live: bool = False
    rests_s: Mapping[int, float] = field(default_factory=dict)

    async def blocks(self, pcm: bytes, first: int = 0) -> AsyncIterator[bytes]:
        """Yield the sound, a tenth of a second at a time, from byte ``first`` on."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        for at in range(first, len(pcm), BLOCK_BYTES):
            due_s += (BLOCK_S if self.is_live else 0.0) + self.rests_s.get(at // BLOCK_BYTES, 0.0)
            await asyncio.sleep(max(_AS_FAST_S, due_s - loop.time()))
            yield pcm[at : at + BLOCK_BYTES]


def connected(place: Place, path: str, **options: Any) -> connect:  # noqa: ANN401
    """Connect to a path, uncompressed and straight."""
    given: dict[str, Any] = {"compression": None, "proxy": None, "max_size": None, "open_timeout": 30} | options
    return connect(f"ws://{place.address}{path}", **given)


async def hear_socket(place: Place, dialect: Dialect, pcm: bytes, pace: Pace) -> str:
    """Send all of ``pcm`` over a WebSocket while reading; return the text."""
    async with connected(place, dialect.path) as socket:
        speaking = asyncio.create_task(_speak(socket, dialect, pcm, pace))
        try:
            await _read(socket, dialect)
        finally:
            speaking.cancel()
            await asyncio.wait({speaking})
    return joined(dialect.texts)


async def _speak(socket: ClientConnection, dialect: Dialect, pcm: bytes, pace: Pace) -> None:
    for message in dialect.greeting:
        await socket.send(message)
    async for block in pace.blocks(pcm):
        await socket.send(dialect.sound(block))
    for message in dialect.farewell:
        await socket.send(message)


async def _read(socket: ClientConnection, dialect: Dialect) -> None:
    try:
        while not dialect.receive(json.loads(await socket.recv())):
            pass
    except ConnectionClosed as closed:
        code, reason = socket.close_code, socket.close_reason
        if code == 1000 and dialect.ends_by_close:
            return
        if reason and code != 1006:
            raise ToldError(f"{code} {reason}") from closed
        raise


async def hear_with_cuts(place: Place, pcm: bytes, pace: Pace, dice: random.Random) -> str:
    """Speak our own protocol, lose the connection amid a frame now and then, come back, and miss nothing."""
    own = Own()
    for _ in range(dice.randint(1, 3)):
        await _until_cut(place, own, pcm, pace, dice)
        if own.is_over:
            return joined(own.texts)
        await asyncio.sleep(dice.uniform(0.0, 3.0))
    async with connected(place, own.path) as socket:
        own.receive(json.loads(await socket.recv()))
        speaking = asyncio.create_task(_go_on(socket, own, pcm, pace, len(pcm)))
        await _read(socket, own)
        await speaking
    return joined(own.texts)


async def _until_cut(place: Place, own: Own, pcm: bytes, pace: Pace, dice: random.Random) -> None:
    async with connected(place, own.path) as socket:
        own.receive(json.loads(await socket.recv()))
        reading = asyncio.create_task(_read(socket, own))
        first = 2 * own.received
        await _go_on(socket, own, pcm, pace, first + dice.randrange(len(pcm) - first + 1))
        cut_amid_frame(socket, dice)
        await asyncio.wait({reading})
        if not isinstance(reading.exception(), ConnectionClosed):
            reading.result()


async def _go_on(socket: ClientConnection, own: Own, pcm: bytes, pace: Pace, end: int) -> None:
    async for block in pace.blocks(pcm[:end], 2 * own.received):
        await socket.send(block)
    if end == len(pcm):
        await socket.send(own.farewell[0])


def cut_amid_frame(socket: ClientConnection, dice: random.Random) -> None:
    """Send the beginning of a frame, then reset the connection."""
    frame = Frame(Opcode.BINARY, bytes(dice.randrange(2, 4_000))).serialize(mask=True)
    with suppress(RuntimeError):  # asyncio's, where the server has closed it already
        socket.transport.write(frame[: dice.randrange(len(frame))])
    reset(socket.transport)


def reset(transport: asyncio.Transport) -> None:
    """End a connection by RST: no goodbye, and what waits is thrown away."""
    if not transport.is_closing():
        transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def hear_wyoming(place: Place, pcm: bytes, pace: Pace) -> str:
    """Send it over Wyoming's port; return the transcript."""
    assert place.wyoming_port is not None
    async with AsyncTcpClient(place.host, place.wyoming_port) as client:
        with suppress(OSError):  # what there is to read says why
            await client.write_event(Transcribe(language="en").event())
            await client.write_event(AudioStart(**WYOMING_FORMAT).event())
            async for block in pace.blocks(pcm):
                await client.write_event(AudioChunk(audio=block, **WYOMING_FORMAT).event())
            await client.write_event(AudioStop().event())
        while (event := await client.read_event()) is not None:
            if Error.is_type(event.type):
                raise ToldError(str(Error.from_event(event).code))
            if Transcript.is_type(event.type):
                return joined([Transcript.from_event(event).text])
    raise ConnectionError("closed without a transcript")


async def hear_upload(place: Place, pcm: bytes, *, is_streamed: bool) -> str:
    """Upload it as a WAV file with OpenAI's SDK; return the text."""
    more: dict[str, Any] = {"stream": True} if is_streamed else {"response_format": "text"}
    async with openai.AsyncOpenAI(api_key="none", base_url=f"http://{place.address}/v1", max_retries=0) as client:
        try:
            found = await client.audio.transcriptions.create(file=("a.wav", wav(pcm)), model="whisper-1", **more)
            if not is_streamed:
                return joined([found])
            *deltas, done = [event async for event in found]
        except openai.APIStatusError as error:
            raise ToldError(str(error.code)) from error
    assert "".join(delta.delta for delta in deltas) == done.text
    return joined([done.text])


def wav(pcm: bytes) -> bytes:
    """Return the sound as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(pcm)
    return file.getvalue()


def joined(texts: Sequence[str]) -> str:
    """Return the finals as one text."""
    return " ".join(" ".join(texts).split())
