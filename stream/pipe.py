"""Raw signed 16-bit little-endian PCM from standard input or any other pipe."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from queue import SimpleQueue
from select import select
from threading import Thread
from typing import BinaryIO

import numpy as np

from stream.audio import AudioChunk
from stream.resample import Resampler
from stream.source import SourceError

_READ_BYTES = 65_536
_SAMPLE_BYTES = 2


class PipeSource:
    """What arrives on a pipe, as it arrives: a chunk for every read that brought a whole sample.

    Nothing is read ahead of the consumer, so a program that writes too fast waits.
    """

    def __init__(self, stream: BinaryIO | None, *, rate: int, channels: int) -> None:
        """``stream`` may be None, as ``sys.stdin`` is where there is no standard input.

        Raises:
            ValueError: ``rate`` or ``channels`` is not positive.
        """
        self._stream = stream
        self._rate = rate
        self._channels = channels
        Resampler(rate, channels)

    @property
    def name(self) -> str:
        """The path of a named pipe, else "standard input"."""
        name = getattr(self._stream, "name", None)
        return name if isinstance(name, str) and not name.startswith("<") else "standard input"

    async def chunks(self) -> AsyncGenerator[AudioChunk]:
        """Yield the pipe's sound until its writer closes it; half a sample at the end is left out.

        Raises:
            SourceError: the pipe is closed, is a terminal, cannot be read, or ended before a sample came.
        """
        read = self._open()
        resampler = Resampler(self._rate, self._channels)
        frame_bytes = _SAMPLE_BYTES * self._channels
        incomplete = b""
        end_sample = 0
        async with aclosing(_reads(read, self.name)) as reads:
            async for just_read in reads:
                received = incomplete + just_read
                n_whole = len(received) - len(received) % frame_bytes
                incomplete = received[n_whole:]
                block = np.frombuffer(received[:n_whole], "<i2").astype(np.int16, copy=False)
                chunk = AudioChunk(resampler.resample(block.reshape(-1, self._channels)), end_sample)
                end_sample = chunk.end_sample
                if len(chunk.samples):
                    yield chunk
        tail = AudioChunk(resampler.flush(), end_sample)
        if tail.end_sample == 0:
            raise SourceError(f"{self.name} ended before any sound came: check the program that writes to it")
        if len(tail.samples):
            yield tail

    def _open(self) -> Callable[[], bytes]:
        if self._stream is None or self._stream.closed:
            raise SourceError(f"{self.name} is closed: pipe raw 16-bit PCM into this program")
        if self._stream.isatty():
            raise SourceError(
                f"{self.name} is a terminal: pipe raw 16-bit PCM into this program, for example "
                f"ffmpeg -i talk.mp3 -f s16le -ar {self._rate} -ac {self._channels} - | …"
            )
        return _reader(self._stream)


def _reader(stream: BinaryIO) -> Callable[[], bytes]:
    try:
        descriptor = stream.fileno()
    except OSError:  # a stream in memory has none
        return lambda: stream.read(_READ_BYTES)

    # Not stream.read: it waits until its buffer is full, and a thread that waits inside it while the
    # interpreter ends aborts the process over the buffer's lock.
    def read() -> bytes:
        select([descriptor], [], [])  # whoever shares the pipe may have made it non-blocking
        return os.read(descriptor, _READ_BYTES)

    return read


async def _reads(read: Callable[[], bytes], name: str) -> AsyncGenerator[bytes]:
    """Yield what ``read`` returns, each call made in a thread when the one before was consumed.

    The thread is a daemon, unlike those of ``asyncio.to_thread``: one that waits on a pipe for ever
    keeps neither a cancelled task nor the program from ending.
    """
    loop = asyncio.get_running_loop()
    requests: SimpleQueue[asyncio.Future[bytes] | None] = SimpleQueue()
    Thread(target=_serve_reads, args=(read, requests, loop), name="pipe", daemon=True).start()
    try:
        while True:
            request: asyncio.Future[bytes] = loop.create_future()
            requests.put(request)
            received = await request
            if not received:
                return
            yield received
    except OSError as error:
        raise SourceError(f"{name} cannot be read: {error.strerror}; check the program that writes to it") from error
    finally:
        requests.put(None)


def _serve_reads(
    read: Callable[[], bytes],
    requests: SimpleQueue[asyncio.Future[bytes] | None],
    loop: asyncio.AbstractEventLoop,
) -> None:
    while (request := requests.get()) is not None:
        try:
            outcome: bytes | OSError = read()
        except OSError as error:
            outcome = error
        try:
            loop.call_soon_threadsafe(_answer, request, outcome)
        except RuntimeError:  # the loop was closed while this thread waited on the pipe
            return


def _answer(request: asyncio.Future[bytes], outcome: bytes | OSError) -> None:
    if request.done():  # cancelled meanwhile
        return
    if isinstance(outcome, OSError):
        request.set_exception(outcome)
    else:
        request.set_result(outcome)
