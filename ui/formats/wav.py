"""Sound in a WAV file, which can be played however the program ended."""

from __future__ import annotations

import errno
import io
import wave
from os import strerror
from pathlib import Path

from engine.events import TimedEvent
from stream.audio import SAMPLE_RATE, AudioChunk
from ui.formats.kept_file import KeptFile

_SAMPLE_BYTES = 2
_MOST_BYTES = 2**32 - 2**16
"""A WAV file counts in 32 bits: 37 hours."""


class WavWriter:
    """Appends sound to a file, 16-bit PCM, and brings the header up to date each time."""

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        """Open ``path``, making its folder.

        Raises:
            FileExistsError: there is something in it already, and ``overwrite`` is off.
            OSError: it cannot be written, or is a pipe.
        """
        if path.is_fifo():
            raise OSError(errno.ESPIPE, "it is a pipe", str(path))
        self._file = io.BufferedWriter(KeptFile(path, overwrite=overwrite))
        self._wave: wave.Wave_write | None = None
        # Sound comes before a server was reached: an old recording is not given up for that.
        self._is_held = path.is_file() and path.stat().st_size > 0
        self._held: list[AudioChunk] = []
        self._end_sample = 0

    def show(self, _: TimedEvent) -> None:
        """Let go of what was found in the file: somebody hears what is said; raises as ``append``."""
        held, self._held, self._is_held = self._held, [], False
        for chunk in held:
            self.append(chunk)

    def append(self, chunk: AudioChunk) -> None:
        """Write ``chunk``; a gap before it becomes silence, so that times in the file are those of the stream.

        It is held back until the first event where something was found in the file.

        Raises:
            OSError: the disk is full or gone, or the file has become too long.
        """
        if self._is_held:
            self._held.append(chunk)
            return
        if _SAMPLE_BYTES * chunk.end_sample > _MOST_BYTES:
            raise OSError(errno.EFBIG, strerror(errno.EFBIG))
        # Not before there is sound: closing it writes a header.
        self._wave = self._wave or self._begun()
        for first in range(self._end_sample, chunk.start_sample, SAMPLE_RATE):
            self._wave.writeframesraw(bytes(_SAMPLE_BYTES * min(SAMPLE_RATE, chunk.start_sample - first)))
        self._wave.writeframes(chunk.samples.tobytes())
        self._file.flush()
        self._end_sample = chunk.end_sample

    def close(self) -> None:
        """Close the file.

        Raises:
            OSError: what is still to be written cannot be.
        """
        try:
            if self._wave is not None:
                self._wave.close()
        finally:
            self._file.close()

    def _begun(self) -> wave.Wave_write:
        begun = wave.open(self._file, "wb")  # noqa: SIM115  # for as long as this writes
        begun.setparams((1, _SAMPLE_BYTES, SAMPLE_RATE, 0, "NONE", ""))
        return begun
