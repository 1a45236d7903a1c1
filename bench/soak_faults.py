"""Clients that behave badly: each does its worst once, and returns how it ended.

What a client must be told, and is not, is a ``NotToldError``.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from soak_clients import BLOCK_BYTES, WYOMING_FORMAT, Place, connected, cut_amid_frame, reset, wav
from soak_dialects import DIALECTS
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from wyoming.audio import AudioChunk, AudioStart, AudioStop

MESSAGE_BYTES = 2**20
UPLOAD_BYTES = 4 * 2**20
IDLE_S = 20.0
"""What the server is started with, so that its limits are reached."""
_GONE_LIMIT_S = 180.0
_QUIET_S = 3.0
_N_AT_ONCE = 30
_FAULT = "fault of the server"
Message = str | bytes


class NotToldError(Exception):
    """A client was cut off, or kept waiting, without a reason."""


async def cut_socket(place: Place, pcm: bytes, dice: random.Random) -> str:
    """Reset a WebSocket amid a frame, behind any message of its protocol."""
    name, script = _script(pcm, dice)
    n_sent = dice.randrange(len(script) + 1)
    async with connected(place, DIALECTS[name]().path) as client:
        with suppress(ConnectionClosed):  # where it is one too many
            for message in script[:n_sent]:
                await client.send(message)
        if n_sent == len(script):
            await asyncio.sleep(dice.uniform(0.0, 1.0))
        cut_amid_frame(client, dice)
    return "cut"


def _script(pcm: bytes, dice: random.Random) -> tuple[str, Sequence[Message]]:
    """The name of a protocol, and all that a client of it would send."""
    name = dice.choice(list(DIALECTS))
    dialect = DIALECTS[name]()
    blocks = [dialect.sound(pcm[at : at + BLOCK_BYTES]) for at in range(0, len(pcm), BLOCK_BYTES)]
    return name, [*dialect.greeting, *blocks, *dialect.farewell]


async def cut_bytes(place: Place, pcm: bytes, dice: random.Random) -> str:
    """Reset a TCP connection behind any byte of a handshake, an upload, or a Wyoming request."""
    port, sent = dice.choice(_raw_scripts(place, pcm))
    reader, writer = await asyncio.open_connection(place.host, port)
    writer.write(sent[: dice.choice((len(sent), dice.randrange(len(sent) + 1)))])
    with suppress(OSError):
        await writer.drain()
        with suppress(TimeoutError):
            await asyncio.wait_for(reader.read(1), dice.uniform(0.0, 2.0))
    reset(writer.transport)
    return "cut"


def _raw_scripts(place: Place, pcm: bytes) -> list[tuple[int, bytes]]:
    """Ports, and what a client would write there."""
    web = int(place.address.rpartition(":")[2])
    scripts = [(web, _handshake("/stream")), *((web, _upload(pcm, is_streamed=way)) for way in (False, True))]
    if place.wyoming_port is not None:
        events = [AudioStart(**WYOMING_FORMAT), AudioChunk(audio=pcm, **WYOMING_FORMAT), AudioStop()]
        scripts.append((place.wyoming_port, b"".join(map(_wyoming_bytes, events))))
    return scripts


def _handshake(path: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "", ""]
    return "\r\n".join(lines).encode()


def _upload(pcm: bytes, *, is_streamed: bool, n_bytes: int | None = None) -> bytes:
    form = "--cut\r\nContent-Disposition: form-data; name="
    fields = f'{form}"model"\r\n\r\nwhisper-1\r\n{form}"stream"\r\n\r\n{str(is_streamed).lower()}\r\n'
    body = f'{fields}{form}"file"; filename="a.wav"\r\n\r\n'.encode() + wav(pcm) + b"\r\n--cut--\r\n"
    head = "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; "
    return f"{head}boundary=cut\r\nContent-Length: {n_bytes or len(body)}\r\n\r\n".encode() + body


def _wyoming_bytes(message: AudioStart | AudioChunk | AudioStop) -> bytes:
    event = message.event()
    payload = event.payload or b""
    head = {"type": event.type, "data": event.data, "payload_length": len(payload)}
    return json.dumps(head).encode() + b"\n" + payload


async def half_open(place: Place, pcm: bytes, dice: random.Random) -> str:
    """Stop reading and writing without a word; whoever comes back must find why it was sent away."""
    name, script = _script(pcm, dice)
    async with connected(place, DIALECTS[name]().path, ping_interval=None, close_timeout=1) as client:
        with suppress(ConnectionClosed):
            for message in script[: dice.randrange(1, len(script))]:
                await client.send(message)
        client.transport.pause_reading()
        await asyncio.sleep(IDLE_S + dice.uniform(1.0, 20.0))
        client.transport.resume_reading()
        return await _end_of(client)


async def _end_of(client: ClientConnection) -> str:
    """Read until the server closes, and return why it did."""
    try:
        async with asyncio.timeout(_GONE_LIMIT_S):
            while True:
                await client.recv()
    except ConnectionClosed as closed:
        return _reason(closed)
    except TimeoutError as error:
        raise NotToldError("never closed") from error


def _reason(closed: ConnectionClosed) -> str:
    """What a client reads in a close; that there is none, or that the server failed, is no reason."""
    if closed.rcvd is None or _FAULT in closed.rcvd.reason:
        raise NotToldError(f"closed with {closed.rcvd}") from closed
    return re.sub("[0-9.]+ s", "… s", f"{closed.rcvd.code} {closed.rcvd.reason}")[:40]


async def slow_reader(place: Place, pcm: bytes, dice: random.Random) -> str:
    """Ask and ask, and read nothing: the server must not keep the answers for ever."""
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    slow.setblocking(False)
    host, port = place.address.split(":")
    await asyncio.get_running_loop().sock_connect(slow, (host, int(port)))
    async with connected(place, "/stream", sock=slow, ping_interval=None, close_timeout=1) as client:
        client.transport.pause_reading()
        try:
            async with asyncio.timeout(_GONE_LIMIT_S):
                while True:
                    await asyncio.sleep(0)  # sending alone gives nobody else a turn
                    await client.send(pcm[: dice.randrange(BLOCK_BYTES)] if dice.random() < 0.01 else '{"kind":"?"}')
        except ConnectionClosed:
            return "cut off by the server"
        except TimeoutError as error:
            raise NotToldError("never cut off") from error


async def too_large(place: Place, pcm: bytes, dice: random.Random) -> str:
    """Send a message, or a file, that is larger than the server takes."""
    if dice.random() < 0.3:
        return await _too_large_upload(place, pcm)
    name, script = _script(pcm, dice)
    times = dice.choice((1.1, 1.9, 3.0))
    async with connected(place, DIALECTS[name]().path, close_timeout=1) as client:
        with suppress(ConnectionClosed):
            for message in script[: dice.randrange(1, len(script))]:
                await client.send(message)
            await client.send(bytes(int(times * MESSAGE_BYTES)))
        return await _end_of(client)


async def _too_large_upload(place: Place, pcm: bytes) -> str:
    reader, writer = await asyncio.open_connection(*place.address.split(":"))
    writer.write(_upload(pcm, is_streamed=False, n_bytes=2 * UPLOAD_BYTES))
    status = (await asyncio.wait_for(reader.readline(), _GONE_LIMIT_S)).decode().strip()
    reset(writer.transport)
    if not any(told in status for told in ("413", "429")):  # too large, or one too many
        raise NotToldError(f"answered {status!r}")
    return status


async def garbage(place: Place, _: bytes, dice: random.Random) -> str:
    """Send what is no message, in frames that are whole or none at all."""
    client_of: Callable[[Place, random.Random], Awaitable[str]] = dice.choice((_garbage_bytes, _garbage_frames))
    return await client_of(place, dice)


async def _garbage_bytes(place: Place, dice: random.Random) -> str:
    web = int(place.address.rpartition(":")[2])
    port = dice.choice((web, place.wyoming_port or web))
    reader, writer = await asyncio.open_connection(place.host, port)
    writer.write(dice.choice((b"", b"GET / HTTP/1.1\r\n", _handshake("/stream"))) + dice.randbytes(5_000))
    with suppress(TimeoutError, OSError):
        await asyncio.wait_for(reader.read(), _QUIET_S)
    reset(writer.transport)
    return "survived"


RUBBISH: Sequence[Message] = (
    "", "{", "[]", "null", "[" * 100_000, '{"kind":1}', '{"type":1}', '{"kind":"flush","tag":[]}', "\0", b"", b"\xff",
    '{"kind":"configure","prompt":{}}', '{"type":"session.update","session":7}', '{"kind":"gap","samples":1e300}',
    '{"type":"input_audio_buffer.append","audio":"!"}', '{"type":"Configure"}', '{"uid":[]}',
    '{"kind":"gap","samples":-1}',
)  # fmt: skip


async def _garbage_frames(place: Place, dice: random.Random) -> str:
    async with connected(place, DIALECTS[dice.choice(list(DIALECTS))]().path, close_timeout=1) as client:
        with suppress(ConnectionClosed):
            for _ in range(dice.randint(1, 20)):
                await client.send(dice.choice((*RUBBISH, dice.randbytes(dice.randrange(500)))))
            client.transport.write(Frame(Opcode.CONT, dice.randbytes(9)).serialize(mask=dice.random() < 0.5))
        return await _end_of(client)


async def flood(place: Place, pcm: bytes, dice: random.Random) -> str:
    """Connect many times at once; who is not served must be told."""
    names = [dice.choice(list(DIALECTS)) for _ in range(_N_AT_ONCE)]
    ends = await asyncio.gather(*(_flooding(place, name, pcm[:BLOCK_BYTES]) for name in names))
    return f"{sum(ends)} of {len(ends)} served" if not all(ends) else "all served"


async def _flooding(place: Place, name: str, block: bytes) -> bool:
    """Whether it was served; a client that is not is closed with a reason."""
    dialect = DIALECTS[name]()
    try:
        async with connected(place, dialect.path) as client:
            for message in [*dialect.greeting, dialect.sound(block), *dialect.farewell]:
                await client.send(message)
            end = asyncio.create_task(_end_of(client))
            done, _ = await asyncio.wait({end}, timeout=_QUIET_S)
            if not done:
                end.cancel()
                reset(client.transport)
            return not done or end.result().startswith("1000")
    except ConnectionClosed as closed:
        return not _reason(closed)


Fault = Callable[[Place, bytes, random.Random], Awaitable[str]]
FREQUENT: Mapping[str, Fault] = {
    "cut: WebSocket": cut_socket,
    "cut: HTTP, Wyoming": cut_bytes,
    "too large": too_large,
    "garbage": garbage,
}
RARE: Mapping[str, Fault] = {"half-open": half_open, "slow reader": slow_reader, "flood": flood}
"""Those that last long, or for which others are refused for a while."""
