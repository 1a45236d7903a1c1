"""From the bytes of one client to chunks of its stream."""

from __future__ import annotations

from collections.abc import Iterator

from stream.audio import SAMPLE_RATE, AudioChunk, n_samples
from stream.raw import AudioFormat, RawDecoder, silence_like


class Intake:
    """Puts what a client sends on the stream's sample axis."""

    def __init__(self) -> None:
        self._decoder = RawDecoder(AudioFormat())
        self._end_sample = 0
        self.is_paused = False

    @property
    def end_sample(self) -> int:
        """Index one past the last sample that came."""
        return self._end_sample

    def receive(self, data: bytes, format: AudioFormat) -> Iterator[AudioChunk]:
        """Yield the chunks, a second at most each, that ``data`` completes; while paused they are silence."""
        if format != self._decoder.format:
            yield from self.flush()
            self._decoder = RawDecoder(format)
        piece_bytes = format.rate * format.frame_bytes
        for first in range(0, len(data), piece_bytes):
            samples = self._decoder.decode(data[first : first + piece_bytes])
            yield from self._placed(AudioChunk(silence_like(samples) if self.is_paused else samples, self._end_sample))

    def skip(self, duration_s: float) -> None:
        """Leave a gap: audio that was lost on its way."""
        self._end_sample += n_samples(duration_s)

    def forget_incomplete(self) -> None:
        """Forget half a sample: its other half was lost with the connection."""
        self._decoder.forget_incomplete()

    def flush(self) -> Iterator[AudioChunk]:
        """Yield what the resampler still holds; other audio may follow, in any format."""
        yield from self._placed(AudioChunk(self._decoder.flush(), self._end_sample))

    def _placed(self, chunk: AudioChunk) -> Iterator[AudioChunk]:
        assert len(chunk.samples) <= 2 * SAMPLE_RATE
        self._end_sample = chunk.end_sample
        if len(chunk.samples):
            yield chunk
