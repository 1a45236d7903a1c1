"""A file's chunks, read on threads: what may be waited for, and what may not."""

from __future__ import annotations

import threading
from collections.abc import Generator

from stream.audio import AudioChunk


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
