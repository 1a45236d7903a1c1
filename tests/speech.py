"""Real speech for tests; where it lies is the fixture ``audio_folder``'s business."""

import asyncio
import csv
from pathlib import Path
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

from stream.detector import FRAME_SAMPLES
from stream.file import FileSource

SAID = "And so my fellow Americans ask not what your country can do for you, ask what you can do for your country."
"""By Kennedy, in each of the set's ``formats``."""
BRIEF = "en_read_timit_dr7-madd0_sx178"
SAID_BRIEFLY = "She encouraged her children to make their own Halloween costumes."
"""Of the short clips: for tests that play at the speed of speech, and wait."""


def clips(audio_folder: Path, set_name: str, language: str = "en") -> list[Path]:
    """The recordings of one set of the manifest in one language ("zxx": no speech), in its order."""
    with (audio_folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["set"], row["language"]) == (set_name, language)]
    return [audio_folder.parent / row["file"] for row in rows]


def read_clip(path: Path) -> NDArray[np.int16]:
    """All of a recording of any format, int16 (n_samples,), mono, 16 kHz."""

    async def read() -> list[NDArray[np.int16]]:
        return [chunk.samples async for chunk in FileSource(path).chunks()]

    return np.concatenate(asyncio.run(read()))


def voice_level(audio: NDArray[np.int16]) -> float:
    """RMS of the louder half of its frames."""
    frames = audio[: len(audio) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    return float(np.sqrt(power[power > np.median(power)].mean()))


def companded(samples: NDArray[np.int16], law: Literal["mulaw", "alaw"]) -> bytes:
    """G.711 of int16 (n_samples,) at 8 kHz, by FFmpeg's encoder."""
    encoder = av.CodecContext.create(f"pcm_{law}", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = 8_000, "mono", "s16"
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), "s16", "mono")
    frame.sample_rate = 8_000
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
