"""What the server needs of the engine: one service, any number of streams."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from engine.events import TimedEvent
from engine.options import StreamingOptions
from stream.audio import AudioChunk


class Load(Protocol):
    """How busy the model is; see ``engine.service.Load``."""

    @property
    def n_streams(self) -> int:
        """Streams that are open."""

    @property
    def busy(self) -> float:
        """Share of the last 10 s in which the model worked, 0 … 1."""

    @property
    def batch_size(self) -> float:
        """Mean number of jobs decoded together, of the last 10 s."""

    @property
    def lag_s(self) -> float:
        """The greatest lag of any stream, in seconds."""

    @property
    def n_batches(self) -> int:
        """Batches decoded since the start."""

    @property
    def n_jobs(self) -> int:
        """Jobs decoded since the start."""

    @property
    def compute_s(self) -> float:
        """Seconds that the model worked since the start."""


class LiveStream(Protocol):
    """One client's stream; see ``engine.service.LiveStream``."""

    def receive_audio(self, chunk: AudioChunk) -> None:
        """Take the next audio; a jump in its ``start_sample`` is audio that was lost."""

    async def wait_for_room(self) -> None:
        """Return once so little speech waits for the model that more may be read."""

    def flush(self, tag: str = "") -> None:
        """End what is open; ``Flushed(tag)`` comes when all before it is transcribed."""

    def clear(self) -> None:
        """Forget the utterance under way."""

    def configure(self, options: StreamingOptions) -> None:
        """Set the options of the utterances to come."""

    def receive_eof(self) -> None:
        """No more audio comes."""

    def events(self) -> AsyncGenerator[TimedEvent]:
        """Yield events until all is final."""

    async def aclose(self) -> None:
        """Give the stream up at once."""


class StreamService(Protocol):
    """The model and its streams; see ``engine.service.ModelService``."""

    def open(self, options: StreamingOptions | None = None) -> LiveStream:
        """Begin a stream."""

    @property
    def load(self) -> Load:
        """How busy the model is."""
