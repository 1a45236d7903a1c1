"""The weights of a checkpoint as the graphs want them, on their device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from max.driver import Buffer
from max.dtype import DType
from numpy.typing import NDArray

from engine.checkpoint import Checkpoint
from engine.checkpoints.stored import BFLOAT16, Array, Weight
from engine.devices import Compute
from engine.int16 import INTEGERS, SCALES, quantised
from engine.kept_arrays import Arrays, kept_arrays
from engine.layers import Target

Buffers = dict[str, Buffer]

_EMBEDDING = "decoder.token_embedding"


def _shaping_sources(engine: Path) -> list[Path]:
    """What decides how weights look that are kept."""
    names = ("checkpoint.py", "devices.py", "int16.py", "layers.py", "weights.py")
    return [*(engine / name for name in names), *sorted((engine / "checkpoints").glob("*.py"))]


@dataclass(frozen=True, slots=True)
class PlacedWeights:
    """Weights on a device, by the names and in the types that the graphs declare.

    Attributes:
        encoder: those of the encoder's graph, which computes the cross KV too.
        decoder: those of the decoder's graph.
        few_rows: what the decoder's graph is to be built for.
    """

    encoder: Buffers
    decoder: Buffers
    few_rows: Target


def placed_weights(checkpoint: Checkpoint, compute: Compute) -> PlacedWeights:
    """Return the weights of ``checkpoint`` where ``compute`` wants them.

    Making integers of them takes longer than all else of loading, so they are kept.

    Raises:
        CheckpointError: a weight is missing or damaged.
    """
    target = compute.target
    if target.is_int16 and checkpoint.identity:
        sources = _shaping_sources(Path(__file__).parent)
        arrays = kept_arrays(checkpoint.identity, repr(target), sources, lambda: _arranged(checkpoint.weights, target))
    else:
        arrays = _arranged(checkpoint.weights, target)
    buffers = {name: _placed(values, compute) for name, values in arrays.items()}
    encoder = {name: buffer for name, buffer in buffers.items() if _is_encoders(name)}
    decoder = {name: buffer for name, buffer in buffers.items() if name not in encoder}
    return PlacedWeights(encoder, decoder, _with_kernel(target, is_half=arrays[_EMBEDDING].dtype == np.float16))


def _is_encoders(name: str) -> bool:
    return name.startswith("encoder.") or ".cross_attention.kv." in name


def _with_kernel(target: Target, *, is_half: bool) -> Target:
    """On the CPU our own kernel reads the matrices, in half precision where nothing is lost: most were published so."""
    if target.is_gpu:
        return target
    return replace(target, matrix_dtype=DType.float16 if is_half else DType.float32)


def _arranged(weights: Mapping[str, Weight], target: Target) -> Arrays:
    """Return ``weights`` by the names and in the types that the graphs for ``target`` declare."""
    decoders = {name: weights[name] for name in weights if not _is_encoders(name)}
    is_half = not target.is_gpu and all(_is_half(value) for value in decoders.values() if value.ndim == 2)
    few_rows = _with_kernel(target, is_half=is_half)
    arrays: Arrays = {}
    for name, value in decoders.items():
        arrays |= _as_declared(name, value, few_rows)
    for name in (name for name in weights if name not in decoders):
        arrays |= _as_declared(name, weights[name], target)
    return arrays


def _is_half(values: Weight) -> bool:
    if values.dtype == np.float16:
        return True
    with np.errstate(over="ignore"):
        return np.array_equal(values.astype(np.float16), values)


def _as_declared(name: str, value: Weight, target: Target) -> Arrays:
    is_matrix = name.endswith(".weight") and value.ndim > 1
    declared: Arrays = {}
    if target.is_int16 and (is_matrix or name == _EMBEDDING):
        matrix = value if value.ndim == 2 else value.transpose(0, 2, 1).reshape(len(value), -1)
        declared[name + INTEGERS], declared[name + SCALES] = quantised(matrix)
    if not (target.is_int16 and is_matrix):
        declared[name] = _converted(value, target.dtype_of(value.ndim))
    return declared


def _converted(values: Weight, dtype: DType) -> Array:
    if dtype == DType.bfloat16:
        return _to_bfloat16(values.astype(np.float32))
    return np.ascontiguousarray(values, dtype.to_numpy())


def _to_bfloat16(values: NDArray[np.float32]) -> Array:
    """Round to nearest even: numpy has no bfloat16, so its bits are made by hand."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))
    return (rounded >> 16).astype(np.uint16).view(BFLOAT16)


def _placed(values: Array, compute: Compute) -> Buffer:
    if values.dtype == BFLOAT16:
        return Buffer.from_numpy(values.view(np.uint16)).view(DType.bfloat16).to(compute.device)
    return Buffer.from_numpy(values).to(compute.device)
