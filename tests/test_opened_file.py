"""FileSource on files that are open already, as uploads are."""

from __future__ import annotations

import asyncio
import gc
import io
import socket
import threading
import wave
from pathlib import Path

import numpy as np
import pytest
from speech import clips, read_clip

from stream.file import FileSource
from stream.source import SourceError


def read(source: FileSource) -> list[np.ndarray]:
    async def chunks() -> list[np.ndarray]:
        return [chunk.samples async for chunk in source.chunks()]

    return asyncio.run(chunks())


def test_every_format_is_the_same_as_from_a_path(audio_folder: Path) -> None:
    for path in clips(audio_folder, "format"):
        with path.open("rb") as file:
            np.testing.assert_array_equal(read_clip(path), np.concatenate(read(FileSource(file, name="it"))))


def test_it_can_be_read_again() -> None:
    source = FileSource(io.BytesIO(wav_of(np.arange(100, dtype=np.int16))))

    assert [100, 100] == [len(np.concatenate(read(source))) for _ in range(2)]


def wav_of(samples: np.ndarray) -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return written.getvalue()


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound at all", bytes(1_000)])
def test_what_is_no_sound_is_named(content: bytes) -> None:
    with pytest.raises(SourceError, match=r"^it is not audio, or its beginning is damaged"):
        read(FileSource(io.BytesIO(content), name="it"))


PLAYLISTS = {
    "concat": "ffconcat version 1.0\nfile '{name}'\n",
    "concat by address": "ffconcat version 1.0\nfile 'file:{path}'\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\nfile://{path}\n#EXT-X-ENDLIST\n",
    "hls over http": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\nhttp://127.0.0.1:{port}/a.wav\n#EXT-X-ENDLIST\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n",
}


@pytest.mark.parametrize("playlist", PLAYLISTS.values(), ids=PLAYLISTS)
def test_a_list_of_other_files_opens_none_of_them(
    playlist: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret.wav"
    path.write_bytes(wav_of(np.full(32_000, 1_000, np.int16)))
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        content = playlist.format(name=path.name, path=path, port=server.getsockname()[1])
        with pytest.raises(SourceError, match="is not audio"):
            read(FileSource(io.BytesIO(content.encode())))
        with pytest.raises(BlockingIOError):
            server.accept()


def test_ones_own_list_of_files_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rule for strangers FFmpeg reads what a list names."""
    (tmp_path / "secret.wav").write_bytes(wav_of(np.full(32_000, 1_000, np.int16)))
    (tmp_path / "list.ffconcat").write_text(PLAYLISTS["concat"].format(name="secret.wav"))

    assert 32_000 == len(np.concatenate(read(FileSource(tmp_path / "list.ffconcat"))))


class SlowFile(io.BytesIO):
    """A file whose every read takes until ``may_go`` is set."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.was_asked, self.may_go = threading.Event(), threading.Event()
        self.is_read = False

    def read(self, size: int | None = -1) -> bytes:
        self.is_read = True
        self.was_asked.set()
        self.may_go.wait(10)
        self.is_read = False
        return super().read(size)


def test_it_may_be_closed_once_its_reader_has_ended(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = wav_of(np.arange(30_000, dtype=np.int16))
    (tmp_path / "a.wav").write_bytes(content)

    async def cancelled() -> bool:
        with SlowFile(content) as file:
            reading = asyncio.create_task(anext(FileSource(file).chunks()))
            await asyncio.to_thread(file.was_asked.wait, 10)
            asyncio.get_running_loop().call_later(0.1, file.may_go.set)
            reading.cancel()
            await asyncio.wait({reading})
            return file.is_read

    async def abandoned() -> None:
        with (tmp_path / "a.wav").open("rb") as file:
            chunks = FileSource(file).chunks()
            await anext(chunks)
            await chunks.aclose()

    assert not asyncio.run(cancelled())
    asyncio.run(abandoned())
    gc.collect()
    assert "" == capfd.readouterr().err
