"""A file's chunks, read on threads: what may be waited for, and what may not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import TypeVar

from stream.audio import AudioChunk

T = TypeVar("T")


async def in_daemon_thread(call: Callable[[], T]) -> T:
    """Return what ``call`` returns on a thread of its own, for which neither a cancelled task nor the program waits.

    ``asyncio.run`` waits for those of ``asyncio.to_thread``, and a path may be one that never answers.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if answer.done():  # cancelled meanwhile
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]  # it was returned

    def work() -> None:
        result, error = None, None
        try:
            result = call()
        except BaseException as raised:  # noqa: BLE001  # it is passed on
            error = raised
        with suppress(RuntimeError):  # the loop was closed while this thread waited
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, name="reading", daemon=True).start()
    return await answer


class ThreadedReading:
    """Chunks that are read on threads, one at a time; a thread may still run when nobody waits for it any more."""

    def __init__(self, chunks: Generator[AudioChunk]) -> None:
        self._chunks = chunks
        self._in_use = threading.Lock()

    def next(self) -> AudioChunk | None:
        """Return the next; None where there is none."""
        with self._in_use:
            return next(self._chunks, None)

    def close(self) -> None:
        """Return once no thread reads, and the file is let go of."""
        with self._in_use:
            self._chunks.close()
