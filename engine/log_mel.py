"""Audio to log-mel spectrogram, equal to OpenAI's (whisper/audio.py@c0d2f62) to 1e-4.

The one place where int16 becomes float32.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from stream.audio import SAMPLE_RATE

N_FFT = 400
"""Samples in one analysis window: 25 ms."""
HOP_SAMPLES = 160
SAMPLES_PER_POSITION = 2 * HOP_SAMPLES
"""One position of the encoder's output covers two mel frames: 20 ms."""
"""Samples from one mel frame to the next: 10 ms."""
FULL_FRAMES = 3000
"""Mel frames in the 30 s the model was trained on."""

_BLOCK_FRAMES = 256
"""Frames that are transformed at once: what lies between the steps stays in the cache, and malloc need not ask the
system for fresh pages, whose first touch costs more than the transform."""
_FEW_FRAMES = 8
"""Frames that are multiplied at once: so few that OpenBLAS does it on this thread.  Its other threads would wait for
more, busily, and cost the encoder, which comes next, a core for half its time."""
_SMALLEST_POWER = 1e-10
_DYNAMIC_RANGE = 8.0
"""Whatever is more than eight powers of ten below the loudest is as good as silent."""


def log_mel_spectrogram(
    audio: NDArray[np.int16], *, n_mels: int = 80, n_frames: int = FULL_FRAMES
) -> NDArray[np.float32]:
    """Return the log-mel spectrogram of ``audio``, zero-padded or cut to ``n_frames``.

    Args:
        audio: int16 (n_samples,), mono, 16 kHz.
        n_mels: channels, 80 or 128.
        n_frames: mel frames of 10 ms to return.

    Returns:
        float32 (n_mels, n_frames), about -1 … 1.5; in memory a frame's channels lie side by side, as the encoder reads
        them.
    """
    n_heard = min(_frames_touched(len(audio)), n_frames)
    windows = np.lib.stride_tricks.sliding_window_view(_mirrored(audio, n_frames), N_FFT)[::HOP_SAMPLES]
    log_power = np.full((n_frames, n_mels), np.log10(_SMALLEST_POWER), np.float32)
    for first in range(0, n_heard, _BLOCK_FRAMES):
        end = min(first + _BLOCK_FRAMES, n_heard)
        power = _mel_power(_power_spectrum(windows[first:end]), n_mels)
        log_power[first:end] = np.log10(np.maximum(power, _SMALLEST_POWER))
    np.maximum(log_power, log_power.max() - _DYNAMIC_RANGE, out=log_power)
    log_power += 4.0
    log_power /= 4.0
    return log_power.T


def _frames_touched(n_samples: int) -> int:
    """Frames whose window reaches into the audio; those after it are silent and need no transform."""
    return (n_samples + N_FFT // 2 - 1) // HOP_SAMPLES + 1 if n_samples else 0


def _mirrored(audio: NDArray[np.int16], n_frames: int) -> NDArray[np.float32]:
    """``n_frames`` of ``audio``, zeros behind it, half a window of it mirrored at both ends: float32 -1 … 1."""
    half, n_samples = N_FFT // 2, n_frames * HOP_SAMPLES
    heard = audio[:n_samples]
    mirrored = np.zeros(n_samples + N_FFT, np.float32)
    np.divide(heard, np.float32(32768.0), out=mirrored[half : half + len(heard)], dtype=np.float32)
    mirrored[:half] = mirrored[N_FFT:half:-1]
    mirrored[-half:] = mirrored[-half - 2 : -N_FFT - 2 : -1]
    return mirrored


def _power_spectrum(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Short-time power of windows (n, N_FFT): float32 (n, N_FFT // 2 + 1)."""
    spectrum = np.fft.rfft(windows * _hann_window())
    return (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)


def _mel_power(power: NDArray[np.float32], n_mels: int) -> NDArray[np.float32]:
    """Sum up power (n, N_FFT // 2 + 1) to float32 (n, n_mels)."""
    filters = mel_filters(n_mels).T
    return np.concatenate([power[i : i + _FEW_FRAMES] @ filters for i in range(0, len(power), _FEW_FRAMES)])


@cache
def _hann_window() -> NDArray[np.float32]:
    """The periodic Hann window (torch.hann_window's default)."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)


@cache
def mel_filters(n_mels: int) -> NDArray[np.float32]:
    """Return the Slaney mel filter bank, float32 (n_mels, N_FFT // 2 + 1), as librosa.filters.mel makes it."""
    frequencies = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(SAMPLE_RATE / 2), n_mels + 2))
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    area = 2.0 / (edges[2:] - edges[:-2])
    return (np.maximum(0.0, np.minimum(rising, falling)) * area[:, None]).astype(np.float32)


_LINEAR_HZ_PER_MEL = 200.0 / 3
_LOG_FROM_HZ = 1000.0
_LOG_FROM_MEL = _LOG_FROM_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0
"""Slaney's scale: linear to 1 kHz, then 27 steps to a factor of 6.4."""


def _hz_to_mel(hz: float) -> float:
    if hz < _LOG_FROM_HZ:
        return hz / _LINEAR_HZ_PER_MEL
    return float(_LOG_FROM_MEL + np.log(hz / _LOG_FROM_HZ) / _LOG_STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = mel * _LINEAR_HZ_PER_MEL
    return np.where(mel < _LOG_FROM_MEL, linear, _LOG_FROM_HZ * np.exp(_LOG_STEP * (mel - _LOG_FROM_MEL)))
