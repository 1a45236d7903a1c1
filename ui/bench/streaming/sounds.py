"""The sound of recordings: read, joined with silence between, and written as WAV that every program reads."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stream.audio import SAMPLE_RATE, n_samples
from stream.file import FileSource


def read_samples(path: str | Path) -> NDArray[np.int16]:
    """Return a recording's sound: int16 (n_samples,), mono, 16 kHz."""

    async def samples() -> NDArray[np.int16]:
        return np.concatenate([chunk.samples async for chunk in FileSource(path).chunks()])

    return asyncio.run(samples())


def joined(clips: Sequence[NDArray[np.int16]], pause_s: float) -> tuple[NDArray[np.int16], list[int]]:
    """Return ``clips`` one behind the other with silence after each, and where each begins."""
    pause = np.zeros(n_samples(pause_s), np.int16)
    starts = np.cumsum([0, *(len(clip) + len(pause) for clip in clips)])[:-1]
    return np.concatenate([part for clip in clips for part in (clip, pause)]), starts.tolist()


def write_wav(path: Path, audio: NDArray[np.int16]) -> None:
    """Write int16 (n_samples,) as a WAV file; one that is there is replaced at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"new-{path.name}")
    with wave.open(str(scratch), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(audio.astype("<i2").tobytes())
    scratch.replace(path)
