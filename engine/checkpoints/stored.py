"""What the readers of all formats hand on: tensors as they lie in the file, under our names, not yet verified."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.config import ModelDimensions
from engine.errors import CheckpointError

BFLOAT16 = np.dtype([("bfloat16", "<u2")])
"""Marks bfloat16, which numpy has not: the upper half of a float32."""

_BLOCK = 65_536
"""Numbers looked at at once."""

Array = NDArray[np.generic]
Tensors = Mapping[str, Array]
Weight = NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class StoredModel:
    """A model as its files hold it.

    Attributes:
        dimensions: as the files tell them.
        tensors: by our names, each in parts to be joined along the first axis: views into the mapped file.
        vocabulary, suppress_ids, begin_suppress_ids, alignment_heads: as in ``engine.checkpoint.Checkpoint``.
    """

    dimensions: ModelDimensions
    tensors: Mapping[str, tuple[Array, ...]]
    vocabulary: tuple[str, ...]
    suppress_ids: tuple[int, ...]
    begin_suppress_ids: tuple[int, ...]
    alignment_heads: tuple[tuple[int, int], ...]


def map_file(path: Path, *, may_change: bool = False) -> mmap.mmap:
    """Map ``path`` into memory: its pages are read when they are used.

    Args:
        path: stays as it is.
        may_change: whether what is in memory may be written to.

    Raises:
        CheckpointError: it cannot be read, or there is nothing in it.
    """
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY if may_change else mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # ValueError: the file is empty
        raise CheckpointError(f"{path} cannot be read: {error}. Get the model again.") from error


def joined_weight(which: str, parts: tuple[Array, ...], shape: tuple[int, ...]) -> Weight:
    """Return ``parts`` joined to ``shape``, a copy: tensors may lie unaligned in their file.

    It is float16 where all of the file's parts are, float32 otherwise.

    Args:
        which: names the weight in messages.
        parts: what to join along the first axis; nothing where the weight is missing.
        shape: what it must be.

    Raises:
        CheckpointError: it is missing, of another shape or element type, or not finite.
    """
    found = _joined_shape(parts)
    if found != shape:
        said = "missing" if found is None else f"of shape {found}"
        raise CheckpointError(f"{which} should be {shape} and is {said}. Get the model again.")
    for part in parts:
        if part.dtype not in (np.float16, np.float32, BFLOAT16):
            raise CheckpointError(
                f"{which} is quantised to {part.dtype}. Convert the model with ct2-transformers-converter "
                "--quantization float16."
            )
    is_half = all(part.dtype == np.float16 for part in parts)
    joined = np.empty(shape, np.float16 if is_half else np.float32)
    at = 0
    for part in parts:
        _copy(part, joined[at : at + len(part)])
        at += len(part)
    if not _is_finite(joined):
        raise CheckpointError(f"{which} holds numbers that are none (NaN or infinite). Get the model again.")
    return joined


def _is_finite(values: Weight) -> bool:
    """Held against the exponent that stands for no number, in blocks that stay in the cache: halves compare slowly."""
    exponent = np.uint16(0x7C00) if values.dtype == np.float16 else np.uint32(0x7F800000)
    bits = values.reshape(-1).view(exponent.dtype)
    blocks = (bits[first : first + _BLOCK] for first in range(0, len(bits), _BLOCK))
    return all((block & exponent).max() < exponent for block in blocks)


def _joined_shape(parts: tuple[Array, ...]) -> tuple[int, ...] | None:
    if not parts:
        return None
    if any(part.shape[1:] != parts[0].shape[1:] or not part.shape for part in parts):
        return parts[0].shape
    return (sum(len(part) for part in parts), *parts[0].shape[1:])


def _copy(part: Array, into: Weight) -> None:
    if part.dtype == BFLOAT16:
        bits = into.view(np.uint32)
        bits[...] = part.view(np.uint16)
        bits <<= 16
    else:
        into[...] = part
