"""Real speech for tests; where it lies is the fixture ``audio_folder``'s business."""

import asyncio
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stream.file import FileSource

SAID = "And so my fellow Americans ask not what your country can do for you, ask what you can do for your country."
"""By Kennedy, in each of the set's ``formats``."""


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


def mulaw(samples: NDArray[np.int16]) -> bytes:
    """G.711 µ-law, as ITU-T G.191's ulaw_compress has it."""
    magnitude = np.minimum(np.abs(samples.astype(np.int32)) + 132, 32_767)
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    codes = (samples < 0) * 0x80 | exponent << 4 | magnitude >> (exponent + 3) & 15
    return (~codes).astype(np.uint8).tobytes()


def alaw(samples: NDArray[np.int16]) -> bytes:
    """G.711 A-law, as ITU-T G.191's alaw_compress has it."""
    magnitude = np.where(samples < 0, ~samples.astype(np.int32), samples) >> 4
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    mantissa = magnitude >> exponent & 15
    codes = np.where(exponent > 0, (exponent + 1) << 4 | mantissa, magnitude)
    return ((codes | (samples >= 0) * 0x80) ^ 0x55).astype(np.uint8).tobytes()
