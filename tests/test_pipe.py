"""PipeSource on real pipes, and on streams in memory where the cut of every read matters."""

import asyncio
import io
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stream.audio import SAMPLE_RATE, AudioChunk
from stream.pipe import PipeSource
from stream.source import SourceError


class CutReads(io.BytesIO):
    """Returns at most the next of ``cuts`` bytes at every read, like a pipe whose writer is slow."""

    def __init__(self, content: bytes, cuts: list[int]) -> None:
        super().__init__(content)
        self._cuts = iter(cuts)

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(next(self._cuts, size))


def noise(n_frames: int, n_channels: int = 1) -> NDArray[np.int16]:
    return np.random.default_rng(0).integers(-9_000, 9_000, (n_frames, n_channels)).astype("<i2")


def read(source: PipeSource) -> list[AudioChunk]:
    async def read_all() -> list[AudioChunk]:
        return [chunk async for chunk in source.chunks()]

    return asyncio.run(read_all())


def read_error(source: PipeSource) -> str:
    with pytest.raises(SourceError) as caught:
        read(source)
    return str(caught.value)


@settings(max_examples=40)
@given(cuts=st.lists(st.integers(1, 5_000), max_size=30), n_odd_bytes=st.integers(0, 3))
def test_where_reads_are_cut_does_not_matter(cuts: list[int], n_odd_bytes: int) -> None:
    audio = noise(9_000, 2)
    content = audio.tobytes() + bytes(n_odd_bytes)
    chunks = read(PipeSource(CutReads(content, cuts), rate=SAMPLE_RATE, channels=2))
    samples = np.concatenate([chunk.samples for chunk in chunks])
    assert np.array_equal(samples, np.rint(audio.mean(axis=1)).astype(np.int16))
    assert [chunk.start_sample for chunk in chunks[1:]] == [chunk.end_sample for chunk in chunks[:-1]]


def test_other_rates_come_out_whole() -> None:
    chunks = read(PipeSource(io.BytesIO(noise(44_100 + 9).tobytes()), rate=44_100, channels=1))
    assert chunks[-1].end_sample == round((44_100 + 9) * SAMPLE_RATE / 44_100)


def test_a_pipe_is_read_as_it_fills() -> None:
    """A sample written is a sample heard: nothing waits for a buffer to fill up."""
    receiving, sending = os.pipe()
    audio = noise(3, 1)

    async def ping_pong() -> list[int]:
        heard = []
        with os.fdopen(receiving, "rb") as stream:
            chunks = PipeSource(stream, rate=SAMPLE_RATE, channels=1).chunks()
            for sample in audio[:, 0]:
                os.write(sending, sample.tobytes())
                heard += (await anext(chunks)).samples.tolist()
            os.close(sending)
            heard += [chunk async for chunk in chunks]
        return heard

    assert asyncio.run(ping_pong()) == audio[:, 0].tolist()


def test_the_event_loop_runs_while_the_pipe_is_silent() -> None:
    receiving, sending = os.pipe()

    async def write_from_the_loop() -> list[AudioChunk]:
        with os.fdopen(receiving, "rb") as stream:
            reader = asyncio.create_task(read_all(PipeSource(stream, rate=SAMPLE_RATE, channels=1)))
            for _ in range(5):
                await asyncio.sleep(0)
            os.write(sending, noise(10).tobytes())
            os.close(sending)
            return await reader

    async def read_all(source: PipeSource) -> list[AudioChunk]:
        return [chunk async for chunk in source.chunks()]

    assert asyncio.run(write_from_the_loop())[-1].end_sample == 10


CANCELLED_PROGRAM = """
import asyncio, sys
from stream.pipe import PipeSource

async def main():
    reader = asyncio.create_task(anext(PipeSource(sys.stdin.buffer, rate=16000, channels=1).chunks()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    print("cancelled:", reader.cancelled())

asyncio.run(main())
"""


def test_cancelling_ends_the_program_though_nothing_arrives() -> None:
    """Its standard input stays open until it has ended: a thread that held it up would hang this test."""
    program = subprocess.Popen(
        [sys.executable, "-c", CANCELLED_PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert program.stdin is not None
    assert program.stdout is not None
    assert program.stderr is not None
    with program.stdin, program.stdout, program.stderr:
        assert program.wait(timeout=60) == 0
        assert program.stdout.read() == "cancelled: True\n"
        assert program.stderr.read() == ""


def test_its_thread_ends_with_it() -> None:
    read(PipeSource(io.BytesIO(noise(100).tobytes()), rate=SAMPLE_RATE, channels=1))
    for thread in threading.enumerate():
        if thread.name == "pipe":
            thread.join(timeout=10)
            assert not thread.is_alive()


def test_no_standard_input_is_an_error() -> None:
    assert "standard input is closed: pipe raw 16-bit PCM" in read_error(PipeSource(None, rate=16_000, channels=1))


def test_a_closed_stream_is_an_error() -> None:
    stream = io.BytesIO()
    stream.close()
    assert "standard input is closed" in read_error(PipeSource(stream, rate=16_000, channels=1))


def test_a_pipe_that_somebody_made_non_blocking_is_waited_for() -> None:
    receiving, sending = os.pipe()
    os.set_blocking(receiving, False)

    async def write_later() -> AudioChunk:
        with os.fdopen(receiving, "rb") as stream:
            reader = asyncio.ensure_future(anext(PipeSource(stream, rate=16_000, channels=1).chunks()))
            asyncio.get_running_loop().call_later(0.02, os.write, sending, bytes(8))
            return await reader

    assert asyncio.run(write_later()).end_sample == 4
    os.close(sending)


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with (tmp_path / "only-written").open("wb") as stream:
        error = read_error(PipeSource(stream, rate=16_000, channels=1))
    assert "only-written cannot be read: Bad file descriptor" in error


def test_a_terminal_is_an_error_with_the_line_to_type() -> None:
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, "rb") as stream:
        error = read_error(PipeSource(stream, rate=44_100, channels=2))
    os.close(controller)
    assert "is a terminal: pipe raw 16-bit PCM" in error
    assert "-f s16le -ar 44100 -ac 2 -" in error


def test_a_pipe_that_brings_nothing_is_an_error() -> None:
    error = read_error(PipeSource(io.BytesIO(b"\0"), rate=16_000, channels=1))
    assert "standard input ended before any sound came" in error


def test_a_named_pipe_has_its_name(tmp_path: Path) -> None:
    (tmp_path / "audio.raw").write_bytes(bytes(8))
    with (tmp_path / "audio.raw").open("rb") as stream:
        source = PipeSource(stream, rate=16_000, channels=1)
        assert source.name == str(tmp_path / "audio.raw")
        assert read(source)[-1].end_sample == 4


@pytest.mark.parametrize(("rate", "channels", "name"), [(0, 1, "rate"), (16_000, -1, "channels")])
def test_options_name_what_is_wrong(rate: int, channels: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be > 0"):
        PipeSource(io.BytesIO(), rate=rate, channels=channels)
