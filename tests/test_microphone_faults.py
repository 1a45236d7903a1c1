"""A microphone beside a program that was stopped, and a PortAudio that does not start."""

import asyncio
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from test_microphone import block

from stream.microphone import _Backlog, list_devices
from stream.source import SourceError


def test_who_stopped_the_program_has_not_lost_the_microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-Z, and fg: the timer is due before PortAudio brings its next block."""
    monkeypatch.setattr("stream.microphone._STOPPED_S", 0.1)

    async def listen() -> tuple[int, NDArray[np.int16]] | None:
        backlog = _Backlog(16_000)
        waiting = asyncio.create_task(backlog.next_block(0.05))
        await asyncio.sleep(0)
        time.sleep(0.2)  # noqa: ASYNC251  # as a program that is stopped
        await asyncio.sleep(0.01)
        backlog.receive_block(block(1), False)
        return await waiting

    assert asyncio.run(listen()) is not None


def test_a_portaudio_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sounddevice.py").write_text("raise RuntimeError('Error initializing PortAudio: no such host')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(SourceError, match=r"PortAudio does not start .Error initializing PortAudio: no such host"):
        list_devices()
