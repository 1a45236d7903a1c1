"""``--record``: the sound of a microphone or a pipe in a WAV file, whatever becomes of the program or the disk."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import wave
from collections.abc import AsyncGenerator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import speech
from fakes_ui import SAMPLE_LINES, pcm
from numpy.typing import NDArray

from engine.events import Status, TimedEvent
from stream import microphone
from stream.audio import AudioChunk
from ui.cli import main
from ui.formats.wav import WavWriter

SOUND = speech([10, 20, 30])
needs_full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")


class LosingMicrophone:
    """Hears ``SOUND``, but for a tenth of a second within; then somebody presses Ctrl-C."""

    name = "losing"
    lost = slice(8_000, 9_600)

    def __init__(self, device: str | None) -> None: ...

    async def chunks(self) -> AsyncGenerator[AudioChunk]:
        yield AudioChunk(SOUND[: self.lost.start], 0)
        yield AudioChunk(SOUND[self.lost.stop :], self.lost.stop)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()


def sound_in(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


@pytest.fixture
def _microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "Microphone", LosingMicrophone)


def play(monkeypatch: pytest.MonkeyPatch, sound: bytes = SOUND.astype("<i2").tobytes()) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(sound)))


@pytest.mark.usefixtures("_microphone")
def test_a_microphone_is_recorded_with_silence_where_sound_was_lost(tmp_path: Path) -> None:
    assert main(["mic", "--record", str(tmp_path / "new" / "talk.wav")]) == 0
    expected = SOUND.copy()
    expected[LosingMicrophone.lost] = 0
    assert np.array_equal(sound_in(tmp_path / "new" / "talk.wav"), expected)


def test_a_pipe_is_recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    play(monkeypatch)
    assert main(["pipe", "--record", str(tmp_path / "talk.WAV")]) == 0
    assert np.array_equal(sound_in(tmp_path / "talk.WAV"), SOUND)


def test_what_was_written_can_be_played_however_the_program_ends(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "talk.wav")
    for start in range(0, len(SOUND), 320):
        writer.append(AudioChunk(SOUND[start : start + 320], start))
        assert np.array_equal(sound_in(tmp_path / "talk.wav"), SOUND[: start + 320])
    writer.close()


def test_an_old_recording_is_given_up_when_somebody_hears_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(b"yesterday")
    for is_heard in (False, True):
        writer = WavWriter(tmp_path / "talk.wav", overwrite=True)
        writer.append(AudioChunk(SOUND[:320], 0))
        if is_heard:
            writer.show(TimedEvent(0.0, Status(0.1, -20.0, True, 0.0, 0.1)))
            writer.append(AudioChunk(SOUND[320:], 320))
        else:
            assert (tmp_path / "talk.wav").read_bytes() == b"yesterday"
        writer.close()
    assert np.array_equal(sound_in(tmp_path / "talk.wav"), SOUND)


def test_a_wav_file_has_an_end(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "talk.wav")
    writer.append(AudioChunk(SOUND, 0))
    with pytest.raises(OSError, match="File too large"):
        writer.append(AudioChunk(SOUND, 2**31 - 2**15))
    writer.close()
    assert np.array_equal(sound_in(tmp_path / "talk.wav"), SOUND)


@needs_full_disk
def test_a_full_disk_ends_the_recording_and_not_the_captions(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    full = tmp_path / "full.wav"
    full.symlink_to("/dev/full")
    play(monkeypatch, pcm())
    assert main(["pipe", "--record", str(full)]) == 1
    out, err = capfd.readouterr()
    assert out.splitlines() == SAMPLE_LINES
    assert err == (
        f"max-whisper: {full} is no longer written (No space left on device): make room there.  The captions go on.\n"
    )


def test_an_old_recording_is_kept(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "talk.wav").write_bytes(b"yesterday")
    play(monkeypatch)
    assert main(["pipe", "--record", str(tmp_path / "talk.wav")]) == 1
    assert (tmp_path / "talk.wav").read_bytes() == b"yesterday"
    assert "holds something already: give --overwrite" in capfd.readouterr().err
    assert main(["pipe", "--record", str(tmp_path / "talk.wav"), "--overwrite"]) == 0
    assert np.array_equal(sound_in(tmp_path / "talk.wav"), SOUND)


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--record", "talk.mp3"], "argument --record: must be a .wav file, got talk.mp3"),
        (["--record", "nowhere.wav/talk.wav"], "nowhere.wav/talk.wav cannot be written: Not a directory"),
        (["--record", "pipe.wav"], "pipe.wav cannot be written: it is a pipe"),
        (["--record", "talk.wav", "--output", "talk.wav"], "talk.wav is named twice, and would be lost"),
    ],
)
def test_where_sound_cannot_be_kept_that_is_told_before_anything_is_loaded(
    flags: list[str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ui.commands.load_model", lambda arguments: pytest.fail("loaded"))
    Path("nowhere.wav").touch()
    os.mkfifo("pipe.wav")
    play(monkeypatch)
    try:
        code = main(["pipe", *flags])
    except SystemExit as error:
        code = error.code
    assert code in {1, 2}
    assert complaint in capfd.readouterr().err
