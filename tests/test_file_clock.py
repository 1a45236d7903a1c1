"""What a file says of its own time, and files that say nothing at all."""

import asyncio
import os
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from test_file_source import noise, read

from stream.audio import SAMPLE_RATE, seconds
from stream.file import FileSource


def write_timed(path: Path, starts_s: list[float], block_s: float = 0.1) -> Path:
    """Blocks of sound that begin, by the file's own clock, at ``starts_s``."""
    with av.open(path, "w") as container:
        track = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        track.time_base = Fraction(1, 1000)
        for start_s in starts_s:
            n = round(block_s * SAMPLE_RATE)
            packet = av.Packet(noise(n).tobytes())
            packet.stream, packet.time_base = track, Fraction(1, 1000)
            packet.pts = packet.dts = round(1000 * start_s)
            container.mux(packet)
    return path


@pytest.mark.parametrize(
    ("starts_s", "length_s", "n_jumps"),
    [
        ([0.1 * i for i in range(100)], 10.0, 0),
        ([0.1 * i + 0.06 * (i % 3 == 1) for i in range(100)], 10.06, 1),
        ([*(0.1 * i for i in range(50)), *(8 + 0.1 * i for i in range(50))], 13.0, 1),
        ([*(0.1 * i for i in range(50)), *(60_000 + 0.1 * i for i in range(50))], 10.0, 0),
    ],
    ids=["steady", "trembling", "a gap", "a clock that was set anew"],
)
def test_a_files_clock_is_believed_as_far_as_it_makes_sense(
    starts_s: list[float], length_s: float, n_jumps: int, tmp_path: Path
) -> None:
    chunks, error = read(FileSource(write_timed(tmp_path / "clock.mkv", starts_s)))

    assert "" == error
    assert n_jumps == sum(b.start_sample > a.end_sample for a, b in pairwise(chunks))
    assert seconds(chunks[-1].end_sample) == pytest.approx(length_s, abs=0.01)


def test_recordings_that_were_joined_as_they_are_go_on_where_one_ends(tmp_path: Path) -> None:
    for name, first_s in (("late.ts", 60_000.0), ("early.ts", 5.0)):
        with av.open(tmp_path / name, "w") as container:
            track = container.add_stream("mp2", rate=SAMPLE_RATE, layout="mono")
            frame = av.AudioFrame.from_ndarray(noise(5 * SAMPLE_RATE).T.copy(), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
            for packet in (*track.encode(frame), *track.encode(None)):
                packet.pts += round(first_s / packet.time_base)
                packet.dts = packet.pts
                container.mux(packet)
    both = tmp_path / "both.ts"
    both.write_bytes((tmp_path / "late.ts").read_bytes() + (tmp_path / "early.ts").read_bytes())
    chunks, _ = read(FileSource(both))

    assert not any(b.start_sample > a.end_sample for a, b in pairwise(chunks))
    assert seconds(chunks[-1].end_sample) == pytest.approx(10.0, abs=0.3)


def test_a_path_that_never_answers_does_not_keep_the_program_from_ending(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")

    async def try_to_read() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await anext(FileSource(tmp_path / "pipe.wav").chunks())

    began_s = time.monotonic()
    asyncio.run(try_to_read())
    assert time.monotonic() - began_s < 2
    (tmp_path / "pipe.wav").write_bytes(b"")  # lets the thread go
