"""log_mel_spectrogram against OpenAI's definition, written out in float64, and against faster-whisper's output."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_golden_log_mel import FRAMES, synthetic_audio
from numpy.typing import NDArray
from speech import clips, read_clip

from engine.log_mel import log_mel_spectrogram, mel_filters

GOLDEN = dict(np.load(Path(__file__).parent / "golden" / "log_mel.npz"))
TOLERANCE = 1e-4
ANGLES = 2 * np.pi * np.outer(np.arange(400), np.arange(201)) / 400
COSINES, SINES = np.cos(ANGLES), np.sin(ANGLES)


def log_mel_by_definition(audio: NDArray[np.int16], n_mels: int, n_frames: int) -> NDArray[np.float64]:
    """whisper/audio.py@c0d2f62, every frame by a plain DFT in float64, OpenAI's own filters."""
    padded = np.zeros(n_frames * 160)
    padded[: len(audio)] = audio[: len(padded)] / 32_768
    mirrored = np.pad(padded, 200, mode="reflect")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.stack([mirrored[160 * t : 160 * t + 400] * hann for t in range(n_frames)])
    power = (frames @ COSINES) ** 2 + (frames @ SINES) ** 2
    log_power = np.log10(np.maximum(GOLDEN[f"mel_{n_mels}"].astype(np.float64) @ power.T, 1e-10))
    return (np.maximum(log_power, log_power.max() - 8) + 4) / 4


def largest_error(audio: NDArray[np.int16], n_mels: int = 80, n_frames: int = 3000) -> float:
    spectrogram = log_mel_spectrogram(audio, n_mels=n_mels, n_frames=n_frames)
    assert spectrogram.shape == (n_mels, n_frames)
    assert spectrogram.dtype == np.float32
    return float(np.abs(spectrogram - log_mel_by_definition(audio, n_mels, n_frames)).max())


def noise(n_samples: int, amplitude: int = 8_000, seed: int = 0) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-amplitude, amplitude, n_samples, np.int16, endpoint=True)


def tone(n_samples: int, hz: float) -> NDArray[np.int16]:
    return (32_767 * np.sin(2 * np.pi * hz / 16_000 * np.arange(n_samples))).astype(np.int16)


@pytest.mark.parametrize("n_mels", [80, 128])
def test_the_filters_are_openais(n_mels: int):
    np.testing.assert_allclose(mel_filters(n_mels), GOLDEN[f"mel_{n_mels}"], rtol=0, atol=1e-8)


@pytest.mark.parametrize("n_mels", [80, 128])
def test_equals_faster_whispers(n_mels: int):
    spectrogram = log_mel_spectrogram(synthetic_audio(), n_mels=n_mels)
    np.testing.assert_allclose(spectrogram[:, FRAMES], GOLDEN[f"log_mel_{n_mels}"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize(
    "audio",
    [noise(16_000), noise(500_000), noise(80_000, amplitude=1), tone(40_000, 997.0), synthetic_audio()],
    ids=["one second", "more than the window", "faint", "a pure tone", "synthetic"],
)
def test_equals_the_definition(audio: NDArray[np.int16], n_mels: int):
    assert largest_error(audio, n_mels) < TOLERANCE


@settings(max_examples=25)
@given(n_frames=st.integers(2, 120), n_samples=st.integers(0, 20_000), seed=st.integers(0, 9))
def test_equals_the_definition_in_any_window(n_frames: int, n_samples: int, seed: int):
    assert largest_error(noise(n_samples, seed=seed), n_frames=n_frames) < TOLERANCE


@pytest.mark.parametrize("n_samples", [1, 39, 40, 41, 159, 160, 199, 200, 201, 359, 360, 361, 15_639, 15_640, 15_641])
def test_equals_the_definition_where_audio_ends_at_a_frames_edge(n_samples: int):
    assert largest_error(np.full(n_samples, 20_000, np.int16), n_frames=100) < TOLERANCE


def test_silence_is_flat():
    for n_samples in (0, 16_000):
        np.testing.assert_allclose(log_mel_spectrogram(np.zeros(n_samples, np.int16)), -1.5, rtol=0, atol=1e-6)


def test_the_loudest_frame_sets_the_floor_of_all():
    """The faint first half alone keeps its detail; beside a loud one, eight powers of ten louder, it is flat."""
    faint, loud = noise(16_000, amplitude=1), tone(16_000, 440.0)
    alone = log_mel_spectrogram(faint, n_frames=200)
    beside = log_mel_spectrogram(np.concatenate([faint, loud]), n_frames=200)
    assert np.ptp(alone[:, 10:90]) > 0.5
    assert np.ptp(beside[:, 10:90]) < np.ptp(alone[:, 10:90])
    assert beside.min() == beside.max() - np.float32(2.0)


def test_leaves_the_audio_as_it_was():
    audio = noise(4_000)
    before = audio.copy()
    log_mel_spectrogram(audio)
    np.testing.assert_array_equal(audio, before)


def test_equals_the_definition_on_real_recordings(audio_folder: Path):
    recordings = [*clips(audio_folder, "wer")[:2], *clips(audio_folder, "nonspeech", "zxx")[:4]]
    assert len(recordings) == 6
    for path in recordings:
        assert largest_error(read_clip(path)) < TOLERANCE, path.name
