"""The layout of ``.safetensors`` files: u64 length of a JSON header, the header, the tensors.

The safetensors package verifies the header; the tensors are mapped here, as it copies them and has no bfloat16.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike
from safetensors import SafetensorError, safe_open

from engine.checkpoints.stored import BFLOAT16, Array, map_file
from engine.errors import CheckpointError

_DTYPES: dict[str, DTypeLike] = {
    "F32": "<f4", "F16": "<f2", "BF16": BFLOAT16, "F64": "<f8", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U8": "u1", "BOOL": "?",
}  # fmt: skip


def read_safetensors(path: Path, *, may_change: bool = False) -> dict[str, Array]:
    """Return the tensors in ``path`` by their names there, as views into the mapped file.

    Args:
        path: of the file.
        may_change: as of ``map_file``.

    Raises:
        CheckpointError: the file is not whole, or holds elements numpy has no type for.
    """
    content = map_file(path, may_change=may_change)
    try:
        with safe_open(path, framework="numpy"):  # checks that the tensors fill the file without a gap
            (n_header,) = struct.unpack_from("<Q", content)
            header = json.loads(content[8 : 8 + n_header])
    except (SafetensorError, ValueError, RecursionError, OSError) as error:
        raise CheckpointError(f"{path} is damaged or not whole: {error}. Get the model again.") from error
    tensors: dict[str, Array] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype = _DTYPES.get(entry["dtype"])
        if dtype is None:
            raise CheckpointError(
                f"{path} stores {name} as {entry['dtype']}. Get the model in float32, float16 or bfloat16."
            )
        try:
            tensors[name] = np.ndarray(entry["shape"], dtype, content, 8 + n_header + entry["data_offsets"][0])
        except ValueError as error:  # more elements than can be counted, and none of them
            raise CheckpointError(
                f"{path} stores {name} of shape {entry['shape'][:8]}. Get the model again."
            ) from error
    return tensors
