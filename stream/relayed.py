"""A source whose chunks pass by somebody who listens too, or who pauses it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from stream.audio import AudioChunk
from stream.raw import silence_like
from stream.source import AudioSource


class RelayedSource:
    """Another source; ``relay`` takes each of its chunks and returns what is yielded."""

    def __init__(self, source: AudioSource, relay: Callable[[AudioChunk], AudioChunk]) -> None:
        self._source = source
        self._relay = relay

    @property
    def name(self) -> str:
        """The other source's."""
        return self._source.name

    async def chunks(self) -> AsyncGenerator[AudioChunk]:
        """Yield the other source's chunks, relayed.

        Raises:
            SourceError: as the other source does.
        """
        async with aclosing(self._source.chunks()) as chunks:
            async for chunk in chunks:
                yield self._relay(chunk)


class OverheardSource(RelayedSource):
    """Another source, of whose chunks ``listen`` is told, each before it is yielded."""

    def __init__(self, source: AudioSource, listen: Callable[[AudioChunk], None]) -> None:
        super().__init__(source, self._told)
        self._listen = listen

    def _told(self, chunk: AudioChunk) -> AudioChunk:
        self._listen(chunk)
        return chunk


class PausableSource(RelayedSource):
    """Another source; while it is paused what it says is silence, and time goes on.

    Attributes:
        is_paused: whether it is.
    """

    def __init__(self, source: AudioSource) -> None:
        super().__init__(source, self._or_silence)
        self.is_paused = False

    def _or_silence(self, chunk: AudioChunk) -> AudioChunk:
        return AudioChunk(silence_like(chunk.samples), chunk.start_sample) if self.is_paused else chunk
