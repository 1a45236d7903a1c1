"""Raw sound in every encoding, against FFmpeg's decoders, wherever the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stream.raw import AudioFormat, RawDecoder, duration_s, samples_of

ALL_CODES = bytes(range(256))


def by_ffmpeg(codec_name: str, data: bytes) -> NDArray[np.int16]:
    codec = av.CodecContext.create(codec_name, "r")
    codec.sample_rate, codec.layout = 8_000, "mono"
    return np.concatenate([frame.to_ndarray()[0] for frame in codec.decode(av.Packet(data))])


@pytest.mark.parametrize(("encoding", "codec"), [("mulaw", "pcm_mulaw"), ("alaw", "pcm_alaw"), ("s16le", "pcm_s16le")])
def test_every_code_is_the_sample_that_ffmpeg_makes_of_it(encoding: str, codec: str) -> None:
    np.testing.assert_array_equal(samples_of(ALL_CODES, encoding), by_ffmpeg(codec, ALL_CODES))


def test_eight_bits_are_the_upper_half_of_sixteen() -> None:
    np.testing.assert_array_equal(samples_of(bytes([0, 127, 128, 255]), "u8"), [-32_768, -256, 0, 32_512])


def test_floats_stay_floats() -> None:
    samples = np.array([0.5, -1.0], "<f4")

    assert np.float32 == samples_of(samples.tobytes(), "f32le").dtype
    np.testing.assert_array_equal(samples_of(samples.tobytes(), "f32le"), samples)


@given(
    st.lists(st.integers(0, 700), max_size=10), st.sampled_from(["s16le", "f32le", "mulaw"]), st.sampled_from([1, 2])
)
def test_where_the_bytes_are_cut_changes_nothing(cuts: list[int], encoding: str, channels: int) -> None:
    rng = np.random.default_rng(7)
    data = rng.standard_normal(600).astype("<f4").tobytes() if encoding == "f32le" else rng.bytes(1_000)
    format = AudioFormat(encoding, 16_000, channels)
    whole = RawDecoder(format)
    at_once = np.concatenate((whole.decode(data), whole.flush()))

    pieces = RawDecoder(format)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parts = [pieces.decode(data[begin:end]) for begin, end in pairwise(edges)]

    np.testing.assert_array_equal(np.concatenate((*parts, pieces.flush())), at_once)


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (24_000, 1), (44_100, 2), (48_000, 1)])
def test_any_rate_becomes_16_khz_of_the_same_length(rate: int, channels: int) -> None:
    format = AudioFormat("s16le", rate, channels)
    data = bytes(rate * format.frame_bytes)
    decoder = RawDecoder(format)

    assert 16_000 == len(np.concatenate((decoder.decode(data), decoder.flush())))
    assert 1.0 == duration_s(len(data), format)


@pytest.mark.parametrize(
    ("format", "said"),
    [
        ({"encoding": "opus"}, "encoding must be one of s16le, f32le, u8, mulaw, alaw, got 'opus'"),
        ({"rate": 3_999}, "rate must be between 4000 and 384000 Hz, got 3999"),
        ({"channels": 9}, "channels must be between 1 and 8, got 9"),
    ],
)
def test_what_cannot_be_decoded_is_named(format: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AudioFormat(**format)


@pytest.mark.parametrize("format", [AudioFormat(), AudioFormat("s16le", 8_000), AudioFormat("f32le", 48_000, 2)])
def test_half_a_sample_goes_on_behind_a_flush(format: AudioFormat) -> None:
    data = np.random.default_rng(7).standard_normal(2_000).astype("<f4").tobytes()
    whole, halves = RawDecoder(format), RawDecoder(format)
    edge = 4_000 // format.frame_bytes * format.frame_bytes
    expected = [whole.decode(data[:edge]), whole.flush(), whole.decode(data[edge:]), whole.flush()]
    heard = [halves.decode(data[: edge + 1]), halves.flush(), halves.decode(data[edge + 1 :]), halves.flush()]

    np.testing.assert_array_equal(np.concatenate(heard), np.concatenate(expected))


def test_what_the_connection_cut_in_half_is_forgotten() -> None:
    decoder = RawDecoder(AudioFormat())
    decoder.decode(b"\x01")
    decoder.forget_incomplete()

    np.testing.assert_array_equal(decoder.decode(b"\x02\x00"), [2])
