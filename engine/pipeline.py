"""A source, a model, and the events that come of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from engine.events import TimedEvent
from engine.live_stream import LiveStream
from engine.options import StreamingOptions
from engine.service import Clock, ModelService, SpeechModel
from stream.source import AudioSource, SourceError


async def transcribe(
    source: AudioSource,
    model: SpeechModel,
    options: StreamingOptions | None = None,
    *,
    stop: asyncio.Event | None = None,
    clock: Clock = time.perf_counter,
) -> AsyncGenerator[TimedEvent]:
    """Yield events until ``source`` ends and every utterance is final.

    Args:
        source: read as long as there is room for its audio.
        model: see ``SpeechModel``.
        options: how the stream is cut.
        stop: once set, the source is closed, what was heard is made final, and the iterator ends.
        clock: seconds, for ``TimedEvent.t_s`` and the real-time factor.

    Raises:
        SourceError: the source failed; all that was heard before is final by then.
    """
    options = options or StreamingOptions()
    async with (
        ModelService(model, batch_size=options.batch_size, clock=clock) as service,
        aclosing(hear(source, service.open(options), stop=stop)) as events,
    ):
        async for event in events:
            yield event


async def hear(
    source: AudioSource, stream: LiveStream, *, stop: asyncio.Event | None = None
) -> AsyncGenerator[TimedEvent]:
    """Yield the events of ``stream`` while it hears ``source``, until all is final; it ends with the iterator.

    Args:
        source: read as long as there is room for its audio.
        stream: a new one.
        stop: once set, the source is closed, what was heard is made final, and the iterator ends.

    Raises:
        SourceError: the source failed; all that was heard before is final by then.
    """
    reading = asyncio.create_task(_read(source, stream))
    stopping = asyncio.create_task(_cancel_when(stop or asyncio.Event(), reading))
    try:
        async with aclosing(stream.events()) as events:
            async for event in events:
                yield event
        await asyncio.wait({reading})
        if not reading.cancelled():
            reading.result()
    finally:
        stopping.cancel()
        reading.cancel()
        await asyncio.wait({reading, stopping})
        await stream.aclose()


async def _read(source: AudioSource, stream: LiveStream) -> None:
    """Let ``stream`` hear ``source`` until it ends, fails, or is cancelled."""
    try:
        async with aclosing(source.chunks()) as chunks:
            async for chunk in chunks:
                stream.receive_audio(chunk)
                await stream.wait_for_room()
    except (SourceError, asyncio.CancelledError):
        stream.receive_eof()
        raise
    except BaseException as error:
        # What failed is not the source: nobody knows what state the stream is in.
        stream.end(error)
        raise
    else:
        stream.receive_eof()


async def _cancel_when(stop: asyncio.Event, reading: asyncio.Task[None]) -> None:
    await stop.wait()
    reading.cancel()
