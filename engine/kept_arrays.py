"""Arrays that take long to make, kept beside the compiled artifacts, and mapped into memory ever after.

They are in the format of safetensors, each where a cache line begins, as far as their sizes allow.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import shutil
import struct
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np

from engine.cache import cache_folder, note_use, whole_file
from engine.checkpoints.safetensors_file import read_safetensors
from engine.checkpoints.stored import Array
from engine.errors import CheckpointError

Arrays = dict[str, Array]

_PREFIX = "weights-"
_LINE_BYTES = 64
_DTYPES = {np.dtype(np.float32): "F32", np.dtype(np.float16): "F16", np.dtype(np.int16): "I16"}


def kept_arrays(identity: str, kind: str, sources: Sequence[Path], make: Callable[[], Arrays]) -> Arrays:
    """Return what ``make`` makes: float32, float16 and int16.

    Once made, it is read from the disk, as far as there is room to keep it.  Only header and length of a file that is
    there are verified: a sum over all of it would take as long as to make it.

    Args:
        identity: of what it is made of, as ``identity_of`` tells; for each place the last one is kept.
        kind: what else shapes it.
        sources: files whose code shapes it.
        make: makes it.
    """
    place = identity.partition("-")[0]
    digest = hashlib.sha256(f"{identity} {kind}".encode())
    for source in sources:
        digest.update(source.read_bytes())
    path = cache_folder() / f"{_PREFIX}{place}-{digest.hexdigest()[:16]}.safetensors"
    with contextlib.suppress(CheckpointError):  # there is none, or it is damaged
        # MAX copies what must not change, though it changes nothing.
        kept = read_safetensors(path, may_change=True)
        note_use(path)
        return kept
    arrays = make()
    with contextlib.suppress(OSError):
        _keep(arrays, path)
        for other in kept_files(identity):
            if other != path:
                other.unlink(missing_ok=True)
    return arrays


def kept_files(identity: str) -> list[Path]:
    """Return the files of what was made of the place of ``identity``, whenever that was."""
    return sorted(cache_folder().glob(f"{_PREFIX}{identity.partition('-')[0]}-*.safetensors"))


def _keep(arrays: Arrays, path: Path) -> None:
    """Write ``arrays`` to ``path``; raises ``OSError`` where that takes more than half of what is free."""
    n_bytes = sum(values.nbytes for values in arrays.values())
    path.parent.mkdir(parents=True, exist_ok=True)
    if 2 * n_bytes > shutil.disk_usage(path.parent).free:
        raise OSError(errno.ENOSPC, "too little room")
    ordered = dict(sorted(arrays.items(), key=lambda item: _place_in_line(item[1])))
    with whole_file(path) as unfinished, unfinished.open("wb") as file:
        file.write(_header(ordered))
        for values in ordered.values():
            file.write(values.data)


def _place_in_line(values: Array) -> tuple[bool, int]:
    """Whole cache lines first, then large elements before small ones: each begins at a multiple of its size."""
    return values.nbytes % _LINE_BYTES != 0, -values.itemsize


def _header(arrays: Arrays) -> bytes:
    ends = list(accumulate((values.nbytes for values in arrays.values()), initial=0))
    entries = {
        name: {"dtype": _DTYPES[values.dtype], "shape": values.shape, "data_offsets": span}
        for (name, values), span in zip(arrays.items(), pairwise(ends), strict=True)
    }
    text = json.dumps(entries).encode()
    n_bytes = -(-(8 + len(text)) // _LINE_BYTES) * _LINE_BYTES - 8
    return struct.pack("<Q", n_bytes) + text.ljust(n_bytes)
