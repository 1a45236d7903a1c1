"""Records a source whether or not anybody takes it away."""

from __future__ import annotations

import asyncio

from stream.audio import AudioChunk, n_samples, seconds
from stream.source import AudioSource, SourceError
from ui.remote.recording import Recording

_MOST_KEPT_S = 600.0
_AHEAD_S = 30.0


class Recorder:
    """Runs from a source to a ``Recording``.

    Attributes:
        recording: what is at hand.
        has_ended: whether there will be no more.
        failure: why the source failed, if it did.
    """

    def __init__(self, source: AudioSource, stop: asyncio.Event, *, can_wait: bool) -> None:
        """Set up; ``run`` does it.

        Args:
            source: recorded until it ends.
            stop: ends it once it is set.
            can_wait: whether the source is to be read no further than half a minute ahead of what was released: a
                file can wait, a microphone cannot.
        """
        self.recording = Recording(n_samples(_MOST_KEPT_S))
        self.has_ended = False
        self.failure: SourceError | None = None
        self._source = source
        self._stop = stop
        self._can_wait = can_wait
        self._began_at: float | None = None
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    @property
    def elapsed_s(self) -> float:
        """Seconds on the wall clock since the first sample entered."""
        return 0.0 if self._began_at is None else asyncio.get_running_loop().time() - self._began_at

    @property
    def is_waiting(self) -> bool:
        """Whether the source is read no further until something is released."""
        return self._can_wait and self.recording.end_sample - self.recording.start_sample > n_samples(_AHEAD_S)

    async def run(self) -> None:
        """Record until the source ends, fails or is stopped."""
        recording = asyncio.create_task(self._record())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({recording, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (recording, stopping):
                task.cancel()
            await asyncio.wait({recording, stopping})
            self.has_ended = True
            self._news.set()
        if not recording.cancelled():
            recording.result()

    async def wait_beyond(self, sample: int) -> None:
        """Return when something was recorded behind ``sample``, or nothing will be."""
        while self.recording.end_sample <= sample and not self.has_ended:
            self._news.clear()
            await self._news.wait()

    def release(self, sample: int) -> None:
        """What lies before ``sample`` is needed no more."""
        self.recording.release(sample)
        self._room.set()

    async def _record(self) -> None:
        chunks = self._source.chunks()
        try:
            async for chunk in chunks:
                await self._keep(chunk)
        except SourceError as error:
            self.failure = error
        finally:
            await chunks.aclose()

    async def _keep(self, chunk: AudioChunk) -> None:
        if self._began_at is None:
            self._began_at = asyncio.get_running_loop().time() - seconds(len(chunk.samples))
        self.recording.append(chunk)
        self._news.set()
        while self.is_waiting:
            self._room.clear()
            await self._room.wait()
