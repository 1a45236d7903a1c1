"""WAV files that come in pieces; Python's own module writes them."""

import io
import struct
import wave
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openings import opening

from stream.raw import AudioFormat
from ui.server.protocols.deepgram import Deepgram
from ui.server.protocols.protocol import Audio, Close, Command, Send
from ui.server.protocols.wav_header import WavHeader

SAMPLES = bytes(range(240))


def wav(channels: int = 1, width: int = 2, rate: int = 16_000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(SAMPLES)
    return out.getvalue()


def head(tag: int, bits: int, more: bytes = b"") -> bytes:
    form = struct.pack("<HHIIHH", tag, 1, 8000, 0, 0, bits) + more
    return b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<I", len(form)) + form + b"data\xff\xff\xff\xff"


def heard(pieces: list[bytes]) -> list[Command]:
    protocol = Deepgram(opening("model=nova-3"))
    return [command for piece in pieces for command in protocol.receive_message(piece)]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (wav(), AudioFormat()),
        (wav(channels=2, rate=44_100), AudioFormat("s16le", 44_100, 2)),
        (wav(width=1), AudioFormat("u8")),
        (head(3, 32) + SAMPLES, AudioFormat("f32le", 8000)),
        (head(6, 8) + SAMPLES, AudioFormat("alaw", 8000)),
        (head(7, 8) + SAMPLES, AudioFormat("mulaw", 8000)),
        (head(0xFFFE, 16, b"\x16\0\x10\0\0\0\0\0\1\0" + bytes(14)) + SAMPLES, AudioFormat("s16le", 8000)),
        (wav()[:12] + b"LIST\3\0\0\0abc\0" + wav()[12:], AudioFormat()),
    ],
)
def test_a_file_says_what_its_samples_are(file: bytes, expected: AudioFormat) -> None:
    assert [Audio(SAMPLES, expected)] == heard([file])


@given(st.sets(st.integers(1, 100)))
def test_a_file_may_come_in_pieces(cuts: set[int]) -> None:
    edges = [0, *sorted(cuts), len(wav())]
    commands = heard([wav()[begin:end] for begin, end in pairwise(edges)])

    assert SAMPLES == b"".join(command.data for command in commands if isinstance(command, Audio))


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (b"ID3\4", "this is no WAV file: for samples alone, give encoding"),
        (b"RIFF\0\0\0\0AVI ", "this is no WAV file"),
        (wav(width=3), "samples of 24 bits in WAV format 1 are not known"),
        (wav(channels=3), "channels must be 1 or 2, got 3"),
        (wav(rate=1), "rate must be between"),
        (wav()[:12] + b"data", None),
        (wav()[:12] + b"data\0\0\0\0", "does not say what its samples are"),
        (wav()[:12] + b"fmt \1\0\0\0ab", "the format of this WAV file has 1 bytes"),
        (wav()[:12] + b"LIST\0\0\0\1", "a chunk of 16777216 bytes"),
    ],
)
def test_a_file_that_cannot_be_read_ends_the_stream(file: bytes, why: str | None) -> None:
    commands = heard([file])

    if why is None:
        assert [] == commands
        return
    told, close = commands
    assert isinstance(told, Send)
    assert isinstance(close, Close)
    assert why in str(told.message)
    assert close.reason.startswith("DATA-0000: ")


@given(st.binary(), st.binary())
def test_no_bytes_are_an_error_of_ours(first: bytes, more: bytes) -> None:
    header = WavHeader()
    for data in (first, wav()[:20] + more):
        with suppress(ValueError):
            header.receive(data)
