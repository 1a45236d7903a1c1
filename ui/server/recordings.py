"""Hearing a recording that came by HTTP, as ``max-whisper file`` hears it: in batches, cut at its pauses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from engine.events import DecodeFailed, Event
from engine.options import StreamingOptions
from engine.pipeline import hear
from stream.file import FileSource
from ui.server.server import RefusedError, SpeechServer
from ui.server.uploads import UploadError

T = TypeVar("T")
GONE = 499
"""As nginx logs a client that did not wait for its answer; nobody reads it."""


class DecodingError(Exception):
    """The model failed over a part of a recording."""


async def heard(source: FileSource, server: SpeechServer, options: StreamingOptions) -> AsyncGenerator[Event]:
    """Yield what happens while ``server`` hears ``source``.

    Raises:
        SourceError: it is no recording.
        DecodingError: the model failed over a part of it.
    """
    async with aclosing(hear(source, server.service.open(options))) as events:
        async for timed in events:
            if isinstance(timed.event, DecodeFailed) and timed.event.is_lost:
                span = f"{timed.event.start_s:.1f} to {timed.event.end_s:.1f} s"
                raise DecodingError(f"the model failed over {span} of the recording: {timed.event.reason}")
            yield timed.event


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Return what comes of ``work``.

    Raises:
        ClientDisconnect: nobody waits for it any more.
    """
    working, leaving = asyncio.create_task(work), asyncio.ensure_future(receive())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.wait({working, leaving})


def status_of(error: Exception) -> int:
    """Return the HTTP status that says why a recording was not heard."""
    match error:
        case UploadError():
            return error.status
        case RefusedError():
            return 429 if error.refusal.kind == "busy" else 503
        case DecodingError():
            return 500
        case _:
            return 400


def retry_after(error: Exception) -> dict[str, str]:
    """Return the header that says when to try again, where that is known."""
    retry_s = error.refusal.retry_after_s if isinstance(error, RefusedError) else None
    return {} if retry_s is None else {"Retry-After": f"{retry_s:.0f}"}
