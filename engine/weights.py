"""The weights of a checkpoint as the graphs want them, on their device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from max.driver import Buffer
from max.dtype import DType
from numpy.typing import NDArray

from engine.checkpoints.stored import Weight
from engine.devices import Compute
from engine.int16 import INTEGERS, SCALES, quantised
from engine.layers import Target

Weights = Mapping[str, Weight]


def weights_by_network(weights: Weights) -> tuple[Weights, Weights]:
    """The weights of the encoder's graph, which computes the cross KV too, and those of the decoder's."""
    for_encoder = {n: v for n, v in weights.items() if n.startswith("encoder.") or ".cross_attention.kv." in n}
    return for_encoder, {name: value for name, value in weights.items() if name not in for_encoder}


def with_kernel(target: Target, weights: Weights) -> Target:
    """On the CPU our own kernel reads the matrices, in half precision where nothing is lost: most were published so."""
    if target.is_gpu:
        return target
    is_half = all(_is_half(value) for value in weights.values() if value.ndim == 2)
    return replace(target, matrix_dtype=DType.float16 if is_half else DType.float32)


def _is_half(values: Weight) -> bool:
    if values.dtype == np.float16:
        return True
    with np.errstate(over="ignore"):
        return np.array_equal(values.astype(np.float16), values)


def placed(weights: Weights, target: Target, compute: Compute) -> dict[str, Buffer]:
    """Return ``weights`` on the device, by the names and in the types the graphs for ``target`` declare."""
    buffers: dict[str, Buffer] = {}
    for name, value in weights.items():
        is_matrix = name.endswith(".weight") and value.ndim > 1
        if target.is_int16 and (is_matrix or name.endswith(".token_embedding")):
            matrix = value if value.ndim == 2 else value.transpose(0, 2, 1).reshape(len(value), -1)
            integers, scales = quantised(matrix)
            buffers |= {name + INTEGERS: Buffer.from_numpy(integers), name + SCALES: Buffer.from_numpy(scales)}
        if not (target.is_int16 and is_matrix):
            buffers[name] = _to_device(value, target.dtype_of(value.ndim), compute)
    return buffers


def _to_device(values: Weight, dtype: DType, compute: Compute) -> Buffer:
    if dtype == DType.bfloat16:
        return _to_bfloat16(values.astype(np.float32)).to(compute.device)
    return Buffer.from_numpy(np.ascontiguousarray(values, dtype.to_numpy())).to(compute.device)


def _to_bfloat16(values: NDArray[np.float32]) -> Buffer:
    """Round to nearest even: numpy has no bfloat16, so its bits are made by hand."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))
    return Buffer.from_numpy((rounded >> 16).astype(np.uint16)).view(DType.bfloat16)
