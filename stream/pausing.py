"""A source that can be paused."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from stream.audio import AudioChunk
from stream.raw import silence_like
from stream.source import AudioSource


class PausableSource:
    """Another source; while it is paused what it says is silence, and time goes on.

    Attributes:
        is_paused: whether it is.
    """

    def __init__(self, source: AudioSource) -> None:
        self._source = source
        self.is_paused = False

    @property
    def name(self) -> str:
        """The other source's."""
        return self._source.name

    async def chunks(self) -> AsyncGenerator[AudioChunk]:
        """Yield the other source's chunks, or as much silence.

        Raises:
            SourceError: as the other source does.
        """
        async with aclosing(self._source.chunks()) as chunks:
            async for chunk in chunks:
                yield AudioChunk(silence_like(chunk.samples), chunk.start_sample) if self.is_paused else chunk
