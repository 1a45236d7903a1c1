"""The pickle in PyTorch's files, read without unpickling: a few of its instructions, and nothing is ever called.

Whatever a file of weights has no need of is refused by name, so that a file made to do harm does none.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from engine.checkpoints.config_file import is_index
from engine.checkpoints.stored import BFLOAT16, Array

_STORAGES: dict[str, DTypeLike] = {
    "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": BFLOAT16, "DoubleStorage": "<f8",
    "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1",
    "BoolStorage": "?",
}  # fmt: skip
_CONSTANTS = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "NEWTRUE", "NEWFALSE", "NONE"
}  # fmt: skip
_VALUES: dict[str, object] = {"NEWTRUE": True, "NEWFALSE": False, "NONE": None}


class PickleError(Exception):
    """What is wrong with a pickle; the sentence wants the file in front."""


@dataclass(frozen=True, slots=True)
class _Global:
    """A name the pickle mentions: never looked up."""

    name: str


@dataclass(frozen=True, slots=True)
class _Storage:
    content: memoryview
    dtype: DTypeLike


_MARK = object()


def read_pickle(pickled: bytes, storages: Mapping[str, memoryview]) -> object:
    """Return what ``pickled`` describes: dicts, lists, tuples, strings, numbers and tensors.

    Args:
        pickled: as ``torch.save`` writes it.
        storages: what its tensors are views of, by key.

    Raises:
        PickleError: it is damaged, or asks for anything else.
    """
    try:
        # pickletools warns of a backslash that damage has put into a name; what is wrong is told by us.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return _Reader(storages).read(pickled)
    except (IndexError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise PickleError("is damaged: its list of weights makes no sense. Get the model again.") from error


class _Reader:
    """PyTorch's instructions, on a stack as pickle has it (Python's pickletools describes each)."""

    def __init__(self, storages: Mapping[str, memoryview]) -> None:
        self._storages = storages
        # A tensor may be wanted under two names; but no small file becomes a huge model.
        self._n_bytes_left = 2 * sum(map(len, storages.values()))
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._instructions: dict[str, Callable[[Any], None]] = {
            "PROTO": lambda _: None,
            "FRAME": lambda _: None,
            "MARK": lambda _: self._stack.append(_MARK),
            "EMPTY_DICT": lambda _: self._stack.append({}),
            "EMPTY_LIST": lambda _: self._stack.append([]),
            "EMPTY_TUPLE": lambda _: self._stack.append(()),
            "TUPLE": lambda _: self._stack.append(tuple(self._marked())),
            "TUPLE1": lambda _: self._stack.append(self._popped(1)),
            "TUPLE2": lambda _: self._stack.append(self._popped(2)),
            "TUPLE3": lambda _: self._stack.append(self._popped(3)),
            "BINPUT": self._remember,
            "LONG_BINPUT": self._remember,
            "MEMOIZE": lambda _: self._remember(len(self._memo)),
            "BINGET": lambda i: self._stack.append(self._memo[i]),
            "LONG_BINGET": lambda i: self._stack.append(self._memo[i]),
            "GLOBAL": lambda names: self._stack.append(_known(names.replace(" ", "."))),
            "STACK_GLOBAL": lambda _: self._stack.append(_known(".".join(self._popped(2)))),
            "BINPERSID": lambda _: self._stack.append(self._storage(self._stack.pop())),
            "REDUCE": lambda _: self._stack.append(self._made(*self._popped(2))),
            "BUILD": lambda _: self._drop_state(),
            "SETITEM": lambda _: self._set_items(self._popped(2)),
            "SETITEMS": lambda _: self._set_items(self._marked()),
            "APPEND": lambda _: self._extend(self._popped(1)),
            "APPENDS": lambda _: self._extend(self._marked()),
        }

    def read(self, pickled: bytes) -> object:
        for opcode, argument, _ in pickletools.genops(pickled):
            if opcode.name in _CONSTANTS:
                self._stack.append(_VALUES.get(opcode.name, argument))
            elif opcode.name == "STOP":
                break
            elif opcode.name in self._instructions:
                self._instructions[opcode.name](argument)
            else:
                raise PickleError(f"asks for {opcode.name}, which no file of weights does. Do not use it.")
        return self._stack.pop()

    def _remember(self, i: int) -> None:
        self._memo[i] = self._stack[-1]

    def _popped(self, n: int) -> tuple[Any, ...]:
        taken = self._stack[-n:]
        if len(taken) < n or any(value is _MARK for value in taken):
            raise IndexError("nothing left to take")
        del self._stack[-n:]
        return tuple(taken)

    def _marked(self) -> list[Any]:
        taken: list[Any] = []
        while (value := self._stack.pop()) is not _MARK:
            taken.append(value)
        return taken[::-1]

    def _set_items(self, items: Sequence[Any]) -> None:
        keys, into = items[::2], self._stack[-1]
        # Other keys would be hashed, and a tuple of tuples takes as long for that as its maker wishes.
        if not isinstance(into, dict) or not all(isinstance(key, str) for key in keys):
            raise TypeError("not a dict with strings for keys")
        into.update(zip(keys, items[1::2], strict=True))

    def _extend(self, items: Iterable[Any]) -> None:
        if not isinstance(self._stack[-1], list):
            raise TypeError("not a list")
        self._stack[-1].extend(items)

    def _drop_state(self) -> None:
        """A module's dict of weights carries its version as an attribute."""
        self._popped(1)

    def _storage(self, id: tuple[str, _Global, str, str, int]) -> _Storage:
        kind, storage_type, key, _, _ = id
        name = storage_type.name.removeprefix("torch.")
        if kind != "storage" or name not in _STORAGES:
            raise TypeError("not a storage")
        return _Storage(self._storages[key], _STORAGES[name])

    def _made(self, callee: object, arguments: tuple[Any, ...]) -> object:
        match callee, arguments:
            case _Global("collections.OrderedDict"), ():
                return {}
            case _Global("torch._utils._rebuild_tensor_v2"), (_Storage(), int(), tuple(), tuple(), *_):
                return self._tensor(*arguments[:4])
            case _Global("torch._utils._rebuild_parameter"), (np.ndarray() as tensor, *_):
                return tensor
            case _:
                raise TypeError("not a tensor")

    def _tensor(self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
        dtype = np.dtype(storage.dtype)
        if not all(map(is_index, (offset, *shape, *strides))) or len(shape) != len(strides) or len(shape) > 8:
            raise ValueError("not the place of a tensor")
        n_elements = len(storage.content) // dtype.itemsize
        n_wanted = 1
        for n in shape:
            n_wanted *= n
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        if not n_wanted or last >= n_elements or n_wanted > n_elements:
            raise ValueError("a tensor beyond its storage")
        self._n_bytes_left -= n_wanted * dtype.itemsize
        if self._n_bytes_left < 0:
            raise ValueError("more tensors than storages")
        n_bytes = n_elements * dtype.itemsize
        elements: Array = np.frombuffer(storage.content[:n_bytes], dtype)
        in_bytes = tuple(stride * dtype.itemsize for stride in strides)
        return np.ndarray(shape, dtype, elements, offset * dtype.itemsize, in_bytes)


def _known(name: str) -> _Global:
    known = {"collections.OrderedDict", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"}
    if name not in known | {f"torch.{storage}" for storage in _STORAGES}:
        raise PickleError(f"asks for {name}, which no file of weights does. Do not use it.")
    return _Global(name)
