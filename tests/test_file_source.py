"""FileSource on files made here, on damaged ones, and on real recordings of every format."""

import asyncio
import csv
import os
import tracemalloc
import wave
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from stream.audio import SAMPLE_RATE, AudioChunk, seconds
from stream.file import FileSource
from stream.source import SourceError

AUDIO = Path(os.environ.get("MAX_WHISPER_AUDIO", Path(__file__).parents[1] / "../shared/audio/dev"))
needs_audio = pytest.mark.skipif(not AUDIO.is_dir(), reason="no recordings: set MAX_WHISPER_AUDIO to their folder")


def noise(n_frames: int, n_channels: int = 1) -> NDArray[np.int16]:
    return np.random.default_rng(0).integers(-9_000, 9_000, (n_frames, n_channels)).astype(np.int16)


def write_wav(path: Path, audio: NDArray[np.int16], rate: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(audio.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(audio.tobytes())
    return path


def write_flac(path: Path, audio: NDArray[np.int16], rate: int) -> Path:
    with av.open(path, "w") as container:
        track = container.add_stream("flac", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(audio.T.copy(), format="s16", layout="mono")
        frame.sample_rate = rate
        container.mux(track.encode(frame) + track.encode(None))
    return path


def read(source: FileSource) -> tuple[list[AudioChunk], str]:
    """Return the chunks, and the message of the error that ended them."""

    async def read_all() -> tuple[list[AudioChunk], str]:
        chunks: list[AudioChunk] = []
        try:
            async for chunk in source.chunks():
                chunks.append(chunk)  # noqa: PERF401  a comprehension would lose what came before the error
        except SourceError as error:
            return chunks, str(error)
        return chunks, ""

    return asyncio.run(read_all())


def joined(chunks: list[AudioChunk]) -> NDArray[np.int16]:
    return np.concatenate([chunk.samples for chunk in chunks])


def test_16_khz_mono_comes_out_as_it_is_in_chunks_of_a_second(tmp_path: Path) -> None:
    audio = noise(50_000)
    source = FileSource(write_wav(tmp_path / "talk.wav", audio, SAMPLE_RATE))
    durations_s = [source.duration_s]
    chunks, _ = read(source)
    durations_s.append(source.duration_s)
    assert [(chunk.start_sample, len(chunk.samples)) for chunk in chunks] == [
        (0, 16_000),
        (16_000, 16_000),
        (32_000, 16_000),
        (48_000, 2_000),
    ]
    assert np.array_equal(joined(chunks), audio[:, 0])
    assert (source.name, durations_s) == ("talk.wav", [None, 50_000 / 16_000])


@pytest.mark.parametrize(("rate", "n_channels"), [(8_000, 1), (44_100, 2), (48_000, 6)])
def test_other_rates_and_channels_keep_their_length(tmp_path: Path, rate: int, n_channels: int) -> None:
    chunks, error = read(FileSource(write_wav(tmp_path / "a.wav", noise(rate + 77, n_channels), rate)))
    assert error == ""
    assert abs(chunks[-1].end_sample - (rate + 77) * SAMPLE_RATE / rate) <= 1


def test_it_may_be_read_twice(tmp_path: Path) -> None:
    source = FileSource(write_wav(tmp_path / "a.wav", noise(3_000), SAMPLE_RATE))
    assert np.array_equal(joined(read(source)[0]), joined(read(source)[0]))


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "long.wav", np.zeros((150 * 8_000, 1), np.int16), 8_000)

    async def discard() -> int:
        end_sample = 0
        async for chunk in FileSource(path).chunks():
            end_sample = chunk.end_sample
        return end_sample

    tracemalloc.start()
    end_sample = asyncio.run(discard())
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert end_sample == 150 * SAMPLE_RATE
    assert peak_bytes < 2_000_000


class FakeTime:
    """A clock that only moves when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def clock(self) -> float:
        return self.now_s

    async def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s


@pytest.mark.parametrize("work_s", [0.0, 0.03])
def test_paced_chunks_come_when_a_microphone_would_have_them(tmp_path: Path, work_s: float) -> None:
    fake = FakeTime()
    path = write_wav(tmp_path / "a.wav", noise(4_000), SAMPLE_RATE)
    source = FileSource(path, paced=True, clock=fake.clock, sleep=fake.sleep)

    async def released_s() -> list[float]:
        released = []
        async for _ in source.chunks():
            released.append(fake.now_s - 100.0)
            fake.now_s += work_s
        return released

    assert asyncio.run(released_s()) == pytest.approx([0.1, 0.2, 0.25])


def test_unpaced_never_sleeps(tmp_path: Path) -> None:
    fake = FakeTime()
    path = write_wav(tmp_path / "a.wav", noise(4_000), SAMPLE_RATE)
    read(FileSource(path, clock=fake.clock, sleep=fake.sleep))
    assert fake.now_s == 100.0


def test_it_may_be_abandoned_midway(tmp_path: Path) -> None:
    async def first_chunk() -> AudioChunk:
        chunks = FileSource(write_wav(tmp_path / "a.wav", noise(48_000), SAMPLE_RATE)).chunks()
        first = await anext(chunks)
        await chunks.aclose()
        return first

    assert asyncio.run(first_chunk()).end_sample == 16_000


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Run as nobody where the tests run as root, who may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    chunks, error = read(FileSource(tmp_path / "absent.wav"))
    assert chunks == []
    assert error == f"{tmp_path / 'absent.wav'} does not exist: check the name and the folder"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "is a folder: name the files in it" in read(FileSource(tmp_path))[1]


def test_a_forbidden_file_is_refused(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = write_wav(tmp_path / "secret.wav", noise(100), SAMPLE_RATE)
    path.chmod(0)
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    request.getfixturevalue("unprivileged")
    assert "secret.wav may not be read: give yourself the right to" in read(FileSource(path))[1]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    assert "empty.wav is empty (0 bytes)" in read(FileSource(tmp_path / "empty.wav"))[1]


def test_a_header_without_sound_is_refused(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "hollow.wav", noise(0), SAMPLE_RATE)
    assert "hollow.wav holds no sound that can be decoded" in read(FileSource(path))[1]


def test_what_is_not_audio_is_refused_and_ffmpeg_keeps_quiet(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "random.mp3").write_bytes(np.random.default_rng(3).bytes(20_000))
    assert "random.mp3 is not audio, or its beginning is damaged" in read(FileSource(tmp_path / "random.mp3"))[1]
    assert capfd.readouterr() == ("", "")


def test_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello\n" * 500)
    assert "notes.txt has no sound track" in read(FileSource(tmp_path / "notes.txt"))[1]


def test_a_silent_film_is_refused(tmp_path: Path) -> None:
    with av.open(tmp_path / "film.mp4", "w") as container:
        track = container.add_stream("mpeg4", rate=25)
        track.width, track.height, track.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        container.mux(track.encode(frame) + track.encode(None))
    assert (
        "film.mp4 has no sound track: give a recording, or a video with sound"
        in read(FileSource(tmp_path / "film.mp4"))[1]
    )


def test_an_unknown_codec_is_refused(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "odd.wav", noise(9_000), SAMPLE_RATE)
    content = bytearray(path.read_bytes())
    content[20:22] = b"\x34\x12"  # the format tag
    path.write_bytes(content)
    assert "odd.wav is encoded with a codec that FFmpeg does not know here" in read(FileSource(path))[1]


def test_a_truncated_file_yields_what_it_has_and_says_where_it_broke_off(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    audio = noise(10 * SAMPLE_RATE)
    path = write_flac(tmp_path / "cut.flac", audio, SAMPLE_RATE)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    chunks, error = read(FileSource(path))
    end_s = seconds(chunks[-1].end_sample)
    assert 5.5 < end_s < 6.1
    assert np.array_equal(joined(chunks), audio[: chunks[-1].end_sample, 0])
    assert 0 < len(chunks[-1].samples) < 16_000  # what did not fill a chunk before the error
    assert f"cut.flac broke off at {end_s:.1f} s of 10.0 s (the file is incomplete or damaged)" in error
    assert capfd.readouterr() == ("", "")


def test_a_damaged_stretch_shows_as_a_jump(tmp_path: Path) -> None:
    """Ogg pages carry their own time, so what follows the damage keeps its place."""
    path = tmp_path / "hole.ogg"
    with av.open(path, "w") as container:
        track = container.add_stream("libopus", rate=SAMPLE_RATE, layout="mono")
        for start in range(0, 30 * SAMPLE_RATE, SAMPLE_RATE):
            frame = av.AudioFrame.from_ndarray(noise(SAMPLE_RATE).T.copy(), format="s16", layout="mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE, start
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3_000] = bytes(3_000)
    path.write_bytes(content)
    chunks, _ = read(FileSource(path))
    jumps = [b.start_sample - a.end_sample for a, b in pairwise(chunks)]
    assert [jump > 0 for jump in jumps].count(True) == 1
    assert min(jumps) == 0
    assert seconds(chunks[-1].end_sample) == pytest.approx(30.0, abs=0.1)


def recordings() -> list[tuple[str, float]]:
    if not AUDIO.is_dir():
        return []
    rows = csv.DictReader((AUDIO / "manifest.csv").read_text().splitlines())
    return [(row["file"].removeprefix("dev/"), float(row["seconds"])) for row in rows if row["set"] == "format"]


@needs_audio
@pytest.mark.parametrize(("file", "duration_s"), recordings())
def test_every_format_decodes_to_its_length(file: str, duration_s: float) -> None:
    source = FileSource(AUDIO / file)
    chunks, error = read(source)
    assert error == ""
    # The manifest counts an encoder's padding (up to 100 ms), the decoder takes it off.
    assert duration_s - 0.1 <= seconds(chunks[-1].end_sample) <= duration_s + 0.01
    assert source.duration_s == pytest.approx(duration_s, abs=0.1)
    assert np.abs(joined(chunks)).max() > 1_000
