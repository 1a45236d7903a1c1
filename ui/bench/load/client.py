"""Many clients in one process: each sends its sound at the speed of speech and keeps what it is shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from ui.bench.load.messages import Messages, RefusedError
from ui.bench.peers.pacing import Recording
from ui.scoring.traces import Trace

_READY_LIMIT_S = 60.0
_LAST_LIMIT_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What became of one stream.

    Attributes:
        trace: what a reader saw.
        refusal: why the server did not take it, or gave it up; empty where all went well.
        late_s: the most that a block was sent behind its time: where this is much, the clients were the bottleneck.
    """

    trace: Trace = field(default_factory=list)
    refusal: str = ""
    late_s: float = 0.0


async def hear_all(
    url: str, protocol: Callable[[], Messages], sounds: Sequence[bytes], within_s: float = 1.0
) -> list[Heard]:
    """Let as many clients as there are ``sounds``, int16 mono 16 kHz, speak to a server at once.

    They begin one after the other ``within_s``, as people do not speak in step.
    """
    starts_s = [within_s * index / len(sounds) for index in range(len(sounds))]
    calls = [hear(url, protocol(), pcm, start_s) for pcm, start_s in zip(sounds, starts_s, strict=True)]
    return list(await asyncio.gather(*calls))


async def hear(url: str, messages: Messages, pcm: bytes, start_s: float = 0.0) -> Heard:
    """Send one stream, from ``start_s`` on, and return what was shown of it."""
    await asyncio.sleep(start_s)
    try:
        # Uncompressed, as sound hardly shrinks, and straight: a proxy would be measured too.
        async with connect(url, max_size=None, compression=None, proxy=None) as connection:
            await _begin(connection, messages)
            return await _Call(connection, messages, Recording(pcm)).heard()
    except TimeoutError:  # an OSError too
        return Heard(refusal=f"not ready within {_READY_LIMIT_S:g} s")
    except (OSError, WebSocketException, RefusedError) as error:
        return Heard(refusal=str(error))


async def _begin(connection: ClientConnection, messages: Messages) -> None:
    """Greet, and wait until the server is ready."""
    if messages.greeting is not None:
        await connection.send(messages.greeting)
    async with asyncio.timeout(_READY_LIMIT_S):
        while not _understood(messages.is_ready, await connection.recv()):
            pass


class _Call:
    """A stream while it lasts."""

    def __init__(self, connection: ClientConnection, messages: Messages, recording: Recording) -> None:
        self._connection = connection
        self._messages = messages
        self._recording = recording
        self._news = asyncio.Event()

    async def heard(self) -> Heard:
        """Speak and read at once, until both are done."""
        refusal = ""
        speaking, reading = asyncio.create_task(self._speak()), asyncio.create_task(self._read())
        try:
            async with asyncio.timeout(self._recording.duration_s + _LAST_LIMIT_S):
                await asyncio.wait({speaking, reading}, return_when=asyncio.FIRST_EXCEPTION)
                await asyncio.gather(speaking, reading)
        except (ConnectionClosed, RefusedError) as error:
            refusal = str(error)
        except TimeoutError:
            refusal = f"not finished {_LAST_LIMIT_S:g} s after the sound"
        finally:
            await _ended(speaking, reading)
        trace = self._messages.trace(self._recording.now_s)
        return Heard(trace=trace, refusal=refusal, late_s=self._recording.late_s)

    async def _speak(self) -> None:
        for index, block in enumerate(self._recording.blocks):
            await asyncio.sleep(self._recording.rest_s(index))
            await self._connection.send(self._messages.sound(block))
        if self._messages.patience_s is not None:
            await self._wait_for_news(self._messages.patience_s)
        await self._connection.send(self._messages.farewell)

    async def _wait_for_news(self, patience_s: float) -> None:
        """Wait until no message has come for so long."""
        with suppress(TimeoutError):
            while True:
                self._news.clear()
                await asyncio.wait_for(self._news.wait(), patience_s)

    async def _read(self) -> None:
        """Read until the last message, or until the server closes in order."""
        async for text in self._connection:
            self._news.set()
            if _understood(partial(self._messages.receive, self._recording.now_s), text):
                return


def _understood(take: Callable[[Mapping[str, Any]], bool], text: str | bytes) -> bool:
    """Let ``take`` have a message; what is none of the protocol is a refusal."""
    try:
        return take(json.loads(text))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RefusedError(f"does not speak this protocol: it sent {str(text)[:60]!r}") from error


async def _ended(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
