"""Raw audio as it comes over a wire, any sample format → 16 kHz mono int16."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from stream.audio import SAMPLE_RATE, seconds
from stream.resample import Resampler

SampleEncoding = Literal["s16le", "f32le", "u8", "mulaw", "alaw"]
_SAMPLE_BYTES: dict[SampleEncoding, int] = {"s16le": 2, "f32le": 4, "u8": 1, "mulaw": 1, "alaw": 1}
_RATES = range(4_000, 384_001)
_MOST_CHANNELS = 8


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How samples are written.

    Attributes:
        encoding: signed 16-bit, 32-bit float (-1 … 1), unsigned 8-bit, or G.711 µ-law or A-law.
        rate: frames a second, 4000 … 384000.
        channels: interleaved, 1 … 8; they are averaged.
    """

    encoding: SampleEncoding = "s16le"
    rate: int = SAMPLE_RATE
    channels: int = 1

    def __post_init__(self) -> None:
        known = get_args(SampleEncoding)
        if self.encoding not in known:
            raise ValueError(f"encoding must be one of {', '.join(known)}, got {self.encoding[:20]!r}")
        if self.rate not in _RATES:
            raise ValueError(f"rate must be between {_RATES[0]} and {_RATES[-1]} Hz, got {self.rate}")
        if not 1 <= self.channels <= _MOST_CHANNELS:
            raise ValueError(f"channels must be between 1 and {_MOST_CHANNELS}, got {self.channels}")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return _SAMPLE_BYTES[self.encoding] * self.channels


class RawDecoder:
    """One stream of bytes in one format → int16 mono at 16 kHz, wherever the bytes were cut."""

    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        self._resampler = _resampler(format)
        self._incomplete = b""

    @property
    def format(self) -> AudioFormat:
        """What it decodes."""
        return self._format

    def decode(self, data: bytes) -> NDArray[np.int16]:
        """Return the samples that are ready, int16 (n_samples,), maybe none."""
        received = self._incomplete + data
        n_whole = len(received) - len(received) % self._format.frame_bytes
        self._incomplete = received[n_whole:]
        samples = samples_of(received[:n_whole], self._format.encoding)
        if self._resampler is None:
            return samples.astype(np.int16, copy=False)
        return self._resampler.resample(samples.reshape(-1, self._format.channels))

    def forget_incomplete(self) -> None:
        """Forget half a sample: what comes next begins with a whole one."""
        self._incomplete = b""

    def flush(self) -> NDArray[np.int16]:
        """Return what the resampler still holds, int16 (n_samples,); half a sample waits for its other half."""
        if self._resampler is None:
            return np.empty(0, np.int16)
        last, self._resampler = self._resampler.flush(), _resampler(self._format)
        return last


def _resampler(format: AudioFormat) -> Resampler | None:
    """At 16 kHz mono there is nothing to resample, and no filter to wait for."""
    is_ready = format.rate == SAMPLE_RATE and format.channels == 1 and format.encoding != "f32le"
    return None if is_ready else Resampler(format.rate, format.channels)


def silence_like(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return as many samples of digital zero."""
    return np.zeros_like(samples)


def duration_s(n_bytes: int, format: AudioFormat) -> float:
    """Return how long ``n_bytes`` last, in seconds."""
    return seconds(n_bytes // format.frame_bytes) * SAMPLE_RATE / format.rate


def samples_of(data: bytes, encoding: SampleEncoding) -> NDArray[np.int16] | NDArray[np.float32]:
    """Return (n_samples,), float32 of "f32le", else int16.  ``data`` holds whole samples."""
    match encoding:
        case "s16le":
            return np.frombuffer(data, "<i2").astype(np.int16, copy=False)
        case "f32le":
            return np.frombuffer(data, "<f4").astype(np.float32, copy=False)
        case "u8":
            return (np.frombuffer(data, np.uint8).astype(np.int16) - 128) << 8
        case "mulaw":
            return _MULAW[np.frombuffer(data, np.uint8)]
        case "alaw":
            return _ALAW[np.frombuffer(data, np.uint8)]


def _mulaw_table() -> NDArray[np.int16]:
    """G.711 µ-law: the complement of sign, 3 bits of exponent, 4 of mantissa; 14 bits, left-aligned in 16."""
    codes = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (codes >> 4 & 7).astype(np.int32), (codes & 15).astype(np.int32)
    magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84
    return np.where(codes & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_table() -> NDArray[np.int16]:
    """G.711 A-law: every other bit inverted; 13 bits, left-aligned in 16."""
    codes = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = (codes >> 4 & 7).astype(np.int32), (codes & 15).astype(np.int32)
    magnitude = np.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(codes & 0x80, magnitude, -magnitude).astype(np.int16)


_MULAW = _mulaw_table()
_ALAW = _alaw_table()
