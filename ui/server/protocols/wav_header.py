"""The head of a WAV file that comes in pieces: what its samples are, and where they begin.  No I/O.

Microsoft and IBM 1991, "Multimedia Programming Interface and Data Specifications 1.0"; of a file that is written while
it is spoken, sizes mean nothing.
"""

from __future__ import annotations

import struct

from stream.raw import AudioFormat, SampleEncoding

_LONGEST_CHUNK = 65_536
_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_ENCODINGS: dict[tuple[int, int], SampleEncoding] = {
    (_PCM, 8): "u8",
    (_PCM, 16): "s16le",
    (_FLOAT, 32): "f32le",
    (_ALAW, 8): "alaw",
    (_MULAW, 8): "mulaw",
}


class WavHeader:
    """Reads until the samples begin; keeps no more than one chunk of what comes before them."""

    def __init__(self) -> None:
        self._received = b""
        self._is_wav = False
        self._format: AudioFormat | None = None

    def receive(self, data: bytes) -> tuple[AudioFormat, bytes] | None:
        """Return the format and the first samples' bytes; None while more is needed.

        Raises:
            ValueError: it is no WAV file, or one of samples that are not known here.
        """
        self._received += data
        if not (self._is_wav or self._begins_as_wav()):
            return None
        while len(self._received) >= 8:
            name, size = struct.unpack_from("<4sI", self._received)
            if name == b"data":
                return self._checked_format(), self._received[8:]
            if size > _LONGEST_CHUNK:
                raise ValueError(f"a chunk of {size} bytes comes before the samples of this WAV file")
            if len(self._received) < 8 + size + size % 2:
                return None
            if name == b"fmt ":
                self._format = _read_format(self._received[8 : 8 + size])
            self._received = self._received[8 + size + size % 2 :]
        return None

    def _begins_as_wav(self) -> bool:
        head = self._received[:12]
        if not (b"RIFF".startswith(head[:4]) and b"WAVE".startswith(head[8:])):
            raise ValueError("this is no WAV file: for samples alone, give encoding and sample_rate in the query")
        self._is_wav = len(head) == 12
        self._received = self._received[12:] if self._is_wav else self._received
        return self._is_wav

    def _checked_format(self) -> AudioFormat:
        if self._format is None:
            raise ValueError("this WAV file does not say what its samples are before they begin")
        return self._format


def _read_format(chunk: bytes) -> AudioFormat:
    if len(chunk) < 16:
        raise ValueError(f"the format of this WAV file has {len(chunk)} bytes, and 16 are the least")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        (tag,) = struct.unpack_from("<H", chunk, 24)
    if (tag, bits) not in _ENCODINGS:
        raise ValueError(f"samples of {bits} bits in WAV format {tag} are not known: send 16-bit PCM")
    if channels not in {1, 2}:
        raise ValueError(f"channels must be 1 or 2, got {channels}; two are mixed")
    return AudioFormat(_ENCODINGS[tag, bits], rate, channels)
