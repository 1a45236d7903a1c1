"""Resampler: length, level, channels, clipping, and that block sizes do not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stream.audio import SAMPLE_RATE
from stream.resample import Resampler


def resample_all(audio: NDArray[np.int16], rate: int, block_frames: int = 1_000) -> NDArray[np.int16]:
    resampler = Resampler(rate, audio.shape[1])
    blocks = [resampler.resample(audio[i : i + block_frames]) for i in range(0, len(audio), block_frames)]
    return np.concatenate([*blocks, resampler.flush()])


def tone(rate: int, n_frames: int, frequency: float = 440.0, amplitude: float = 10_000) -> NDArray[np.int16]:
    """A sine, int16 (n_frames, 1)."""
    return np.rint(amplitude * np.sin(2 * np.pi * frequency * np.arange(n_frames) / rate)).astype(np.int16)[:, None]


@settings(max_examples=60)
@given(
    rate=st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000]),
    n_frames=st.integers(0, 30_000),
    channels=st.integers(1, 6),
    block_frames=st.sampled_from([1_001, 480, 7_777, 40_000]),
)
def test_length_is_right_to_the_sample(rate: int, n_frames: int, channels: int, block_frames: int) -> None:
    audio = np.zeros((n_frames, channels), np.int16)
    resampled = resample_all(audio, rate, block_frames)
    assert abs(len(resampled) - n_frames * SAMPLE_RATE / rate) <= 0.5
    assert resampled.dtype == np.int16


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_a_tone_stays_the_same_tone(rate: int) -> None:
    resampled = resample_all(tone(rate, rate), rate)
    difference = resampled - tone(SAMPLE_RATE, SAMPLE_RATE)[:, 0].astype(np.int32)
    assert np.abs(difference[800:-800]).max() <= 2


def test_what_16_khz_cannot_hold_is_removed() -> None:
    resampled = resample_all(tone(48_000, 48_000, frequency=12_000), 48_000)
    assert np.abs(resampled[800:-800]).max() <= 1


def test_16_khz_mono_passes_unchanged() -> None:
    audio = np.random.default_rng(1).integers(-32_768, 32_768, (5_000, 1)).astype(np.int16)
    assert np.array_equal(resample_all(audio, SAMPLE_RATE), audio[:, 0])


def test_channels_are_averaged() -> None:
    audio = np.tile(np.array([[30_000, -10_000, 1_000]], np.int16), (4_000, 1))
    assert set(resample_all(audio, SAMPLE_RATE).tolist()) == {7_000}


def test_block_size_does_not_matter() -> None:
    audio = np.random.default_rng(2).integers(-20_000, 20_000, (9_000, 2)).astype(np.int16)
    assert np.array_equal(resample_all(audio, 44_100, 37), resample_all(audio, 44_100, 9_000))


def test_int16_and_float32_agree() -> None:
    audio = tone(44_100, 44_100)
    resampler = Resampler(44_100, 1)
    from_float = np.concatenate((resampler.resample((audio / 32_768).astype(np.float32)), resampler.flush()))
    assert np.array_equal(from_float, resample_all(audio, 44_100))


def test_too_loud_is_clipped_not_wrapped() -> None:
    resampler = Resampler(SAMPLE_RATE, 1)
    block = np.array([[2.0], [-2.0], [1.0], [-1.0], [np.inf], [np.nan]], np.float32)
    samples = np.concatenate((resampler.resample(block), resampler.flush()))
    assert samples.tolist() == [32_767, -32_768, 32_767, -32_768, 32_767, 0]


def test_overshoot_of_full_scale_is_clipped() -> None:
    square = np.where(np.arange(48_000) // 100 % 2, 32_767, -32_768).astype(np.int16)[:, None]
    resampled = resample_all(square, 48_000)
    signs = np.sign(resampled.astype(np.int32)[10:-10])
    assert np.count_nonzero(np.diff(signs)) == 480 - 1


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (np.zeros((4, 3), np.int16), r"shape \(n_frames, 2\), got \(4, 3\)"),
        (np.zeros(4, np.int16), r"shape \(n_frames, 2\), got \(4,\)"),
        (np.zeros((4, 2), np.float64), "int16 or float32, got float64"),
    ],
)
def test_a_wrong_block_is_refused(block: NDArray[np.int16], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Resampler(48_000, 2).resample(block)


@pytest.mark.parametrize(("rate", "channels", "name"), [(0, 1, "rate"), (16_000, 0, "channels")])
def test_options_name_what_is_wrong(rate: int, channels: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be > 0, got 0"):
        Resampler(rate, channels)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_the_greatest_numbers_are_loud_and_no_more(rate: int) -> None:
    resampler = Resampler(rate, 2)
    greatest = np.full((rate // 10, 2), np.finfo(np.float32).max, np.float32)
    found = np.concatenate([resampler.resample(greatest), resampler.flush()])

    assert (found[800:900] == 32_767).all()
