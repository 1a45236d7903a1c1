"""The layout of CTranslate2's ``model.bin``, read off such files (version 6).

Little-endian: u32 version, string spec, u32 revision, u32 n; n × {string name, u8 rank, rank × u32 dims, u8 dtype,
u32 n_bytes, data}; u32 n_aliases × {string alias, string name}.  A string is a u16 length, its closing NUL counted,
and the bytes.  Every length is held against what is left of the file before anything is taken from it.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from engine.checkpoints.stored import BFLOAT16, map_file
from engine.errors import CheckpointError

_VERSION = 6
_SPEC = "WhisperSpec"
_DTYPES: dict[int, DTypeLike] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16, 5: BFLOAT16}


def read_tensors(path: Path) -> dict[str, NDArray[np.generic]]:
    """Return the tensors of the Whisper in ``path`` by CTranslate2's names, as views into the mapped file.

    Raises:
        CheckpointError: the file is not a whole, sound CTranslate2 Whisper.
    """
    return _Reader(path, map_file(path)).tensors()


class _Reader:
    def __init__(self, path: Path, content: mmap.mmap) -> None:
        self._path = path
        self._content = content
        self._at = 0

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        version = self._number("I")
        if version != _VERSION:
            raise self._error(f"is of version {version}, not {_VERSION}: convert the model with CTranslate2 4 or later")
        spec = self._string()
        if spec != _SPEC:
            raise self._error(f"holds a {spec!r}, not a Whisper: give the folder of a Whisper model")
        self._number("I")  # the revision changes nothing about the layout
        tensors = dict(self._tensor() for _ in range(self._number("I")))
        for _ in range(self._number("I")):
            alias, name = self._string(), self._string()
            if name not in tensors:
                raise self._error(f"calls {name!r} also {alias!r}, but does not hold it: get the model again")
            tensors[alias] = tensors[name]
        return tensors

    def _tensor(self) -> tuple[str, NDArray[np.generic]]:
        name = self._string()
        shape = [self._number("I") for _ in range(self._number("B"))]
        code = self._number("B")
        dtype = _DTYPES.get(code)
        if dtype is None:
            raise self._error(f"stores {name!r} with element type {code}: convert the model to float16 or float32")
        content = self._take(self._number("I"))
        try:
            return name, np.frombuffer(content, dtype).reshape(shape)
        except ValueError as error:
            what = f"gives {name!r} {len(content)} bytes for shape {shape[:8]}: get the model again"
            raise self._error(what) from error

    def _string(self) -> str:
        try:
            return bytes(self._take(self._number("H"))).rstrip(b"\0").decode()
        except UnicodeDecodeError as error:
            raise self._error("is damaged: a name in it is no text. Get the model again") from error

    def _number(self, code: str) -> int:
        (value,) = struct.unpack("<" + code, self._take(struct.calcsize("<" + code)))
        return int(value)

    def _take(self, n_bytes: int) -> memoryview:
        begin, self._at = self._at, self._at + n_bytes
        if self._at > len(self._content):
            raise self._error(f"ends after {len(self._content)} bytes, in the middle of its content: get it again")
        return memoryview(self._content)[begin : self._at]

    def _error(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self._path} {what}.")
