"""Sound that hardly is any: numbers that are none, and too few of them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from test_file_source import joined, noise, read, write_wav

from engine.model import WhisperModel
from engine.options import DecodingOptions
from stream.audio import SAMPLE_RATE
from stream.file import FileSource


def write_float_wav(path: Path, audio: NDArray[np.floating], rate: int) -> Path:
    """``audio`` (n_samples,), float32 or float64."""
    n_bytes, data = audio.itemsize, audio.tobytes()
    layout = struct.pack("<IHHIIHH", 16, 3, 1, rate, rate * n_bytes, n_bytes, 8 * n_bytes)
    head = b"WAVEfmt " + layout + b"data" + struct.pack("<I", len(data))
    path.write_bytes(b"RIFF" + struct.pack("<I", len(head) + len(data)) + head + data)
    return path


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 44_100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e30])
def test_what_is_no_sound_is_silence(tmp_path: Path, number: float, dtype: type[np.floating], rate: int) -> None:
    quiet = noise(rate)[:, 0] / dtype(32_768)
    quiet[100:200] = 0
    spoilt = quiet.copy()
    spoilt[100:200] = number
    expected, _ = read(FileSource(write_float_wav(tmp_path / "quiet.wav", quiet, rate)))
    found, error = read(FileSource(write_float_wav(tmp_path / "spoilt.wav", spoilt, rate)))
    assert error == ""
    assert np.array_equal(joined(expected), joined(found))


def test_what_is_too_loud_is_clipped(tmp_path: Path) -> None:
    loud = np.array([0.5, 1.5, -3.0, 2000.0, -2000.0], np.float32)
    chunks, _ = read(FileSource(write_float_wav(tmp_path / "loud.wav", loud, SAMPLE_RATE)))
    assert joined(chunks).tolist() == [16_384, 32_767, -32_768, 32_767, -32_768]


def test_a_file_may_hold_one_sample(tmp_path: Path) -> None:
    audio = noise(1)
    chunks, error = read(FileSource(write_wav(tmp_path / "short.wav", audio, SAMPLE_RATE)))
    assert (joined(chunks).tolist(), error) == (audio[0].tolist(), "")


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_a_file_too_short_to_resample_is_refused(tmp_path: Path, rate: int) -> None:
    chunks, error = read(FileSource(write_wav(tmp_path / "short.wav", noise(1), rate)))
    assert chunks == []
    assert "short.wav holds no sound that can be decoded" in error


@pytest.mark.max
@pytest.mark.weights
@pytest.mark.parametrize("options", [DecodingOptions(), DecodingOptions(timestamps=True), DecodingOptions(beam_size=3)])
@pytest.mark.parametrize("n_samples", [0, 1, 159, 161, 401])
def test_a_window_may_hold_next_to_nothing(model: WhisperModel, n_samples: int, options: DecodingOptions) -> None:
    """Whatever it hears in that, it ends and is a text."""
    found = model.decode_window(np.full(n_samples, -32_768, np.int16), options=options)

    assert len(found.decoded.ids) < 10
    assert all(np.isfinite(found.decoded.logprobs))


@pytest.mark.max
@pytest.mark.weights
def test_what_is_behind_the_window_is_not_heard(model: WhisperModel) -> None:
    window = noise(30 * SAMPLE_RATE)[:, 0]

    assert model.decode_window(window) == model.decode_window(np.concatenate([window, window]))


@pytest.mark.max
@pytest.mark.weights
@pytest.mark.parametrize(
    "options",
    [
        DecodingOptions(prefix="word " * 600),
        DecodingOptions(prompt="word " * 600, prefix="word " * 600, hotwords=("some words",) * 100),
    ],
)
def test_more_is_given_than_the_context_holds(model: WhisperModel, options: DecodingOptions) -> None:
    n_prefix = len(model.recognizer.prefix(options))
    found = model.decode_window(np.zeros(SAMPLE_RATE, np.int16), options=options)

    assert n_prefix == model.networks.dims.n_text_ctx // 2
    assert n_prefix + len(found.decoded.ids) < model.networks.dims.n_text_ctx
