"""Steps of the decoder on a GPU, each captured once and replayed.

A step is about a hundred kernels, most of a few microseconds: launched one by one they keep the host busy for longer
than the device.  What was captured runs at the same places in memory every time, so a decoder that is to be replayed
works in a memory that stays; what changes from step to step is copied there.
Device graphs: max/engine/api.py, ``Model.capture``.
"""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from max.driver import Buffer, Device
from max.dtype import DType
from max.engine import Model
from numpy.typing import NDArray

from engine.config import ModelDimensions
from engine.devices import Compute, pack, unpacked
from engine.encoded import EncodedAudio

MOST_ROWS = 8
"""Of a batch whose steps are captured: with more the device, not the host, takes the time."""
_MOST_MEMORIES = 16
"""Each is of another number of rows, windows, positions or filters."""


@dataclass(eq=False, slots=True)
class Memory:
    """What a decoder reads and writes on its device, beside its weights.

    Attributes:
        self_kv: per layer key and value, (n_slots, n_rows, n_text_head, d_head).
        cross_kv: as of ``EncodedAudio``.
        audio_mask: float32 (n_windows, n_audio_ctx).
        filters: float32 (n_filters, n_vocab).
    """

    self_kv: list[Buffer]
    cross_kv: tuple[Buffer, ...]
    audio_mask: Buffer
    filters: Buffer


def new_self_kv(dims: ModelDimensions, n_rows: int, compute: Compute) -> list[Buffer]:
    """Return room for the longest text behind the longest first pass, whatever was forgotten of that."""
    shape = (dims.n_text_ctx * 3 // 2, n_rows, dims.n_text_head, dims.n_text_state // dims.n_text_head)
    return [Buffer(compute.target.dtype, shape, compute.device) for _ in range(2 * dims.n_text_layer)]


@dataclass(frozen=True, slots=True)
class _Step:
    key: int
    place: Buffer
    inputs: tuple[Buffer, ...]
    outputs: list[Buffer]


class LastingMemory:
    """A memory that stays where it is, and the steps that were captured over it."""

    def __init__(self, model: Model, memory: Memory, device: Device, keys: itertools.count[int]) -> None:
        self.memory = memory
        self._model, self._device, self._keys = model, device, keys
        self._steps: dict[int, _Step] = {}
        self._filters: Buffer | None = None
        self._borrower: weakref.ref[object] | None = None

    @property
    def is_lent(self) -> bool:
        """Whether somebody still works in it."""
        return self._borrower is not None and self._borrower() is not None

    def lend(self, borrower: object, encoded: EncodedAudio, filters: Buffer) -> None:
        """Let ``borrower`` work in it, over ``encoded`` and under ``filters``, for as long as it lives."""
        self._borrower = weakref.ref(borrower)
        for place, kv in zip(self.memory.cross_kv, encoded.cross_kv, strict=True):
            place.inplace_copy_from(kv)
        if filters is not self._filters:
            self.memory.filters.inplace_copy_from(filters)
            self._filters = filters

    def step(self, arrays: Sequence[NDArray[np.generic]], n_past: int) -> list[Buffer]:
        """Run a pass of one token a row; the outputs hold until the next one.

        Args:
            arrays: what changes from step to step, as ``BatchDecoder`` places it.
            n_past: filled slots of the cache.
        """
        packed = Buffer.from_numpy(pack(arrays))
        if n_past not in self._steps:
            self._steps[n_past] = self._captured(packed.copy(self._device), arrays, n_past)
        step = self._steps[n_past]
        step.place.inplace_copy_from(packed)
        self._model.replay(step.key, *step.inputs)
        return step.outputs

    def release(self) -> None:
        """Give back what the captured steps hold."""
        for step in self._steps.values():
            self._model.release_captured_graph(step.key)

    def _captured(self, place: Buffer, arrays: Sequence[NDArray[np.generic]], n_past: int) -> _Step:
        inputs = decoder_inputs(self.memory, unpacked(place, arrays), n_past)
        key = next(self._keys)
        return _Step(key, place, inputs, self._model.capture(key, *inputs))


def decoder_inputs(memory: Memory, placed: Sequence[Buffer], n_past: int) -> tuple[Buffer, ...]:
    """Return the decoder graph's inputs in its order.

    Args:
        memory: what does not change from pass to pass.
        placed: tokens, positions, sampled, filter rows, times, mask.
        n_past: filled slots of the cache.
    """
    tokens, positions, sampled, filter_rows, times, mask = placed
    n_slots = n_past + tokens.shape[1]
    return (
        tokens,
        positions,
        mask,
        Buffer.from_numpy(np.array(n_past, np.int64)),
        sampled,
        memory.filters,
        filter_rows,
        times,
        memory.audio_mask,
        *memory.cross_kv,
        *(cache[:n_slots, :, :, :] for cache in memory.self_kv),
    )


class CapturedSteps:
    """The lasting memories of one decoder."""

    def __init__(self, model: Model, dims: ModelDimensions, compute: Compute) -> None:
        self._model, self._dims, self._compute = model, dims, compute
        self._keys = itertools.count()
        self._memories: OrderedDict[tuple[int, ...], LastingMemory] = OrderedDict()

    def memory_for(self, encoded: EncodedAudio, filters: Buffer, n_rows: int) -> LastingMemory | None:
        """Return a memory of the right shape, or None where there are too many rows or another decoder works in it."""
        if n_rows > MOST_ROWS:
            return None
        shape = (n_rows, encoded.n_windows, encoded.cross_kv[0].shape[1], filters.shape[0])
        if shape not in self._memories:
            self._memories[shape] = self._new_memory(encoded, filters, n_rows)
        self._memories.move_to_end(shape)
        self._release_oldest()
        memory = self._memories[shape]
        return None if memory.is_lent else memory

    def _release_oldest(self) -> None:
        """Keep as many as may be; the latest, and any that somebody works in, stay."""
        *older, _ = self._memories.items()
        unused = [shape for shape, memory in older if not memory.is_lent]
        for shape in unused[: max(0, len(self._memories) - _MOST_MEMORIES)]:
            self._memories.pop(shape).release()

    def _new_memory(self, encoded: EncodedAudio, filters: Buffer, n_rows: int) -> LastingMemory:
        device = self._compute.device
        memory = Memory(
            self_kv=new_self_kv(self._dims, n_rows, self._compute),
            cross_kv=tuple(Buffer(kv.dtype, kv.shape, device) for kv in encoded.cross_kv),
            audio_mask=Buffer.from_numpy(encoded.audio_mask()).to(device),
            filters=Buffer(DType.float32, filters.shape, device),
        )
        return LastingMemory(self._model, memory, device, self._keys)
