"""The audio of one Deepgram client: samples, or a WAV file that says itself what they are.  No I/O."""

from __future__ import annotations

from hashlib import sha256

from stream.raw import AudioFormat, duration_s
from ui.server.protocols.protocol import Audio
from ui.server.protocols.wav_header import WavHeader


class IncomingAudio:
    """Counts what comes, and finds where it begins."""

    def __init__(self, audio_format: AudioFormat | None) -> None:
        """``audio_format`` is None where a WAV file comes."""
        self._format = audio_format
        self._header = WavHeader()
        self._n_bytes = 0
        self._digest = sha256()

    @property
    def sha256(self) -> str:
        """Of all bytes that came, in hexadecimal."""
        return self._digest.hexdigest()

    @property
    def channels(self) -> int:
        """How many there are; 0 before that is known."""
        return 0 if self._format is None else self._format.channels

    @property
    def duration_s(self) -> float:
        """How long the samples last that came, in seconds."""
        return 0.0 if self._format is None else duration_s(self._n_bytes, self._format)

    def receive(self, data: bytes) -> list[Audio]:
        """Return the audio that is ready.

        Raises:
            ValueError: a WAV file was to come, and this is none that can be read.
        """
        self._digest.update(data)
        if self._format is None:
            found = self._find_samples(data)
            if found is None:
                return []
            self._format, data = found
        self._n_bytes += len(data)
        return [Audio(data, self._format)]

    def _find_samples(self, data: bytes) -> tuple[AudioFormat, bytes] | None:
        header, self._header = self._header, WavHeader()
        found = header.receive(data)
        if found is None:
            self._header = header
        return found
