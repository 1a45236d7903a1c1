"""A source that somebody else hears too."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from stream.audio import AudioChunk
from stream.source import AudioSource


class OverheardSource:
    """Another source, of whose chunks ``listen`` is told, each before it is yielded."""

    def __init__(self, source: AudioSource, listen: Callable[[AudioChunk], None]) -> None:
        self._source = source
        self._listen = listen

    @property
    def name(self) -> str:
        """The other source's."""
        return self._source.name

    async def chunks(self) -> AsyncGenerator[AudioChunk]:
        """Yield the other source's chunks.

        Raises:
            SourceError: as the other source does.
        """
        async with aclosing(self._source.chunks()) as chunks:
            async for chunk in chunks:
                self._listen(chunk)
                yield chunk
