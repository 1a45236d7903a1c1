"""The commands that listen, and Ctrl-C: exit code, stdout, stderr and files, with a model that needs no MAX."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes_ui import SAMPLE, SAMPLE_LINES, CountingModel, Load, pcm, signalling

from engine.errors import ModelLoadError
from stream import microphone
from stream.audio import AudioChunk
from stream.file import FileSource
from stream.source import SourceError
from ui import commands
from ui.cli import main

SAMPLE_TEXT = "".join(line + "\n" for line in SAMPLE_LINES)


class OpenPipe(io.RawIOBase):
    """A pipe that gives ``content`` at once, then nothing; ``at_silence`` is called when that is read."""

    def __init__(self, content: bytes = b"", at_silence: Callable[[], None] = lambda: None) -> None:
        self._content = io.BytesIO(content)
        self._at_silence = at_silence
        self.end = threading.Event()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        content = self._content.read(size)
        if not content:
            self._at_silence()
            self.end.wait()
        return content


@pytest.fixture
def run_pipe(monkeypatch: pytest.MonkeyPatch) -> Callable[[OpenPipe], int]:
    def run(pipe: OpenPipe) -> int:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=pipe))
        try:
            return main(["pipe"])
        finally:
            pipe.end.set()

    return run


RunPipe = Callable[[OpenPipe], int]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_finishes_what_was_heard(
    number: int, load: Load, run_pipe: RunPipe, capfd: pytest.CaptureFixture[str]
) -> None:
    load(CountingModel(signalling(number, n_times=1)))
    assert run_pipe(OpenPipe(pcm()[:32_000])) == 130
    assert capfd.readouterr() == ("Heard 1.\n", "")


def test_ctrl_c_twice_quits(load: Load, run_pipe: RunPipe, capfd: pytest.CaptureFixture[str]) -> None:
    load(CountingModel(signalling(signal.SIGINT, n_times=2)))
    assert run_pipe(OpenPipe(pcm()[:32_000])) == 130
    assert capfd.readouterr().err == ""


def test_ctrl_c_while_nothing_arrives(run_pipe: RunPipe, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_pipe(OpenPipe(at_silence=lambda: os.kill(os.getpid(), signal.SIGINT))) == 130
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_ctrl_c_leaves_the_other_files(load: Load, capfd: pytest.CaptureFixture[str]) -> None:
    load(CountingModel(signalling(signal.SIGINT, n_times=1)))
    assert main(["file", "--paced", str(SAMPLE), str(SAMPLE)]) == 130
    assert capfd.readouterr().out == "Heard 1.\n"


def test_a_pipe_becomes_lines(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(pcm())))
    assert main(["pipe"]) == 0
    assert capfd.readouterr() == (SAMPLE_TEXT, "")


def test_without_a_stdin_a_pipe_says_so(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["pipe"]) == 1
    assert capfd.readouterr().err.startswith("max-whisper: standard input is no pipe: send raw 16-bit PCM into it")


class SampleMicrophone:
    """A microphone before which the sample is played; at its end somebody presses Ctrl-C."""

    name = "sample"

    def __init__(self, device: str | None) -> None:
        self._source = FileSource(SAMPLE)
        self._device = device

    async def chunks(self) -> AsyncGenerator[AudioChunk]:
        if self._device == "none":
            raise SourceError("'none' fits no microphone; choose one by its number:\n  0  sample")
        async for chunk in self._source.chunks():
            yield chunk
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()


@pytest.fixture
def _sample_microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "Microphone", SampleMicrophone)


@pytest.mark.usefixtures("_sample_microphone")
def test_what_a_microphone_heard_is_saved(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["mic"]) == 0
    saved = tmp_path / "saved" / "now.txt"
    assert saved.read_text() == SAMPLE_TEXT
    out, err = capfd.readouterr()
    assert out == SAMPLE_TEXT
    assert err == f"max-whisper: the transcript is in {saved}\n"


@pytest.mark.usefixtures("_sample_microphone")
def test_output_takes_the_place_of_the_saved_transcript(tmp_path: Path) -> None:
    main(["mic", "--output", str(tmp_path / "talk.txt")])
    assert (tmp_path / "talk.txt").read_text() == SAMPLE_TEXT
    assert not (tmp_path / "saved").exists()


@pytest.mark.usefixtures("_sample_microphone")
def test_stdout_is_no_place_to_keep_it(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    main(["mic", "--output", "-", "--format", "srt"])
    assert (tmp_path / "saved" / "now.txt").read_text() == SAMPLE_TEXT
    assert capfd.readouterr().out.startswith("1\n00:00:0")


@pytest.mark.usefixtures("_sample_microphone")
def test_nothing_is_saved_when_it_is_not_wanted(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    main(["mic", "--no-save"])
    assert not (tmp_path / "saved").exists()
    assert "transcript" not in capfd.readouterr().err


@pytest.mark.usefixtures("_sample_microphone")
def test_where_nothing_was_said_no_empty_file_is_left(load: Load, tmp_path: Path) -> None:
    load(CountingModel(words=0))
    main(["mic"])
    assert list((tmp_path / "saved").iterdir()) == []


@pytest.mark.usefixtures("_sample_microphone")
def test_where_nobody_listened_no_transcript_is_promised(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(arguments: object) -> None:
        raise ModelLoadError("There is no GPU.")

    monkeypatch.setattr(commands, "load_model", fail)
    (tmp_path / "talk.txt").write_text("yesterday\n")
    assert main(["mic", "--output", str(tmp_path / "talk.txt"), "--overwrite"]) == 1
    assert capfd.readouterr().err == "max-whisper: There is no GPU.\n"


@pytest.mark.usefixtures("_sample_microphone")
def test_ctrl_c_is_how_a_microphone_ends(load: Load, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    load(CountingModel(signalling(signal.SIGINT, n_times=1)))
    assert main(["mic"]) == 0
    out, err = capfd.readouterr()
    assert out.startswith("Heard 1.\n")
    assert err == f"max-whisper: the transcript is in {tmp_path / 'saved' / 'now.txt'}\n"


@pytest.mark.usefixtures("_sample_microphone")
def test_an_unknown_microphone_needs_no_model(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "load_model", lambda arguments: pytest.fail("loaded"))
    assert main(["mic", "--device", "none"]) == 1
    assert "'none' fits no microphone" in capfd.readouterr().err


def test_microphones_are_listed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    listed = [
        microphone.InputDevice(index=0, name="HDA [front]", n_channels=2, rate=48_000, is_default=False),
        microphone.InputDevice(index=7, name="USB mic", n_channels=1, rate=44_100, is_default=True),
    ]
    monkeypatch.setattr("ui.devices.list_devices", lambda: listed)
    assert main(["devices"]) == 0
    assert [line.split() for line in capfd.readouterr().out.splitlines()] == [
        ["N", "NAME", "CHANNELS", "RATE"],
        ["0", "HDA", "[front]", "2", "48000", "Hz"],
        ["7", "USB", "mic", "1", "44100", "Hz", "default"],
        [],
        ["max-whisper", "mic", "--device", "7"],
    ]
