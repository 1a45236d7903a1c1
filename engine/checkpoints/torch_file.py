"""The layout of what ``torch.save`` writes: a zip of a pickle and of one stored file for each storage.

The zip's entries are not compressed, so that the storages are mapped where they lie.  The pickle is read by
``engine.checkpoints.torch_pickle``, which runs nothing.
"""

from __future__ import annotations

import mmap
import struct
import zipfile
import zlib
from pathlib import Path

from engine.checkpoints.stored import map_file
from engine.checkpoints.torch_pickle import PickleError, read_pickle
from engine.errors import CheckpointError

_ENTRY = struct.Struct("<4s22xHH")
"""The head of a zip's entry: its mark, and how long the name and what is added behind it are."""
_MAX_PICKLE_BYTES = 4 << 20
"""That of large-v3 has a fifth of a megabyte."""


def read_torch(path: Path) -> object:
    """Return what ``torch.save`` wrote to ``path``, tensors as views into the mapped file.

    Raises:
        CheckpointError: it is no such file, is damaged, or holds more than weights.
    """
    content = map_file(path)
    if not content[:4].startswith(b"PK\3\4"):
        raise CheckpointError(_what_else(path, content))
    try:
        entries = _entries(content)
        name = next(name for name in entries if name.endswith("/data.pkl"))
        root = name.removesuffix("data.pkl")
        if bytes(entries.get(root + "byteorder", b"little")) != b"little":
            raise CheckpointError(f"{path} was written on a big-endian machine. Get the model from another one.")
        storages = {n.removeprefix(root + "data/"): e for n, e in entries.items() if n.startswith(root + "data/")}
        if len(entries[name]) > _MAX_PICKLE_BYTES:
            raise CheckpointError(f"{path} holds a pickle of {len(entries[name])} bytes, not just weights.")
        return read_pickle(bytes(entries[name]), storages)
    except (
        zipfile.BadZipFile,
        struct.error,
        StopIteration,
        EOFError,
        NotImplementedError,
        ValueError,
        OSError,
    ) as error:
        reason = str(error) or "it has no data.pkl"
        raise CheckpointError(f"{path} is damaged or not whole: {reason}. Get the model again.") from error
    except PickleError as error:
        raise CheckpointError(f"{path} {error}") from error


def _what_else(path: Path, content: mmap.mmap) -> str:
    if content[:1] == b"\x80":
        return (
            f"{path} is a pickle of the kind PyTorch wrote before version 1.6. Load it and save it again with a newer "
            "PyTorch, or get the model again."
        )
    return f"{path} is not a PyTorch file. Give a .pt file of OpenAI's, or the folder of a model in another format."


def _entries(content: mmap.mmap) -> dict[str, memoryview]:
    """The files in the zip, each held against its checksum."""
    entries = {}
    whole = memoryview(content)
    with zipfile.ZipFile(content) as archive:  # type: ignore[call-overload]  # it has all that is used of a file
        if sum(entry.file_size for entry in archive.infolist()) > len(content):
            raise zipfile.BadZipFile("its files overlap")
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
                raise zipfile.BadZipFile(f"{entry.filename} in it is compressed or encrypted")
            mark, n_name, n_extra = _ENTRY.unpack_from(content, entry.header_offset)
            begin = entry.header_offset + _ENTRY.size + n_name + n_extra
            piece = whole[begin : begin + entry.file_size]
            if mark != b"PK\3\4" or len(piece) != entry.file_size or zlib.crc32(piece) != entry.CRC:
                raise zipfile.BadZipFile(f"{entry.filename} in it differs from its checksum")
            entries[entry.filename] = piece
    return entries
