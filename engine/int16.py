"""Matrices of 16-bit integers, laid out as our kernel reads them (engine/kernels/linear_int16.mojo).

Each ``_BLOCK`` numbers of a row have a scale as fine as may be: their integers are no longer than ``_LONGEST``, so that
no dot product of two blocks can leave 32 bits (engine/kernels/int16.mojo).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

INTEGERS, SCALES = "_int16", "_scales"
"""What the two parts of a weight are called, behind its name."""

_PANEL = 64
"""Rows that lie together, two numbers of each after another."""
_BLOCK = 64
"""Numbers of a row that share a scale."""
_LONGEST = 46_000.0
_LARGEST = 32_767.0
_SMALLEST = 1e-21


def int16_shapes(n_out: int, n_in: int) -> tuple[tuple[int, int, int, int], tuple[int, int, int]]:
    """Return the shapes of integers and scales of a matrix (n_out, n_in): in panels, in which rows stand as columns."""
    n_panels = -(-n_out // _PANEL)
    return (n_panels, n_in // 2, _PANEL, 2), (n_panels, -(-n_in // _BLOCK), _PANEL)


def quantised(matrix: NDArray[np.floating]) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Return a finite matrix (n_out, n_in), n_in even, as integers and what they are to be multiplied with.

    Returns:
        integers: int16; rows behind the last are zeros.
        scales: float32, both of ``int16_shapes``.
    """
    shape, scales_shape = int16_shapes(*matrix.shape)
    pairs, scales = np.zeros(shape[:3], np.int32), np.zeros(scales_shape, np.float32)
    for i in range(len(pairs)):
        # A panel at a time stays in the nearest caches through all that is done to it.
        rows = _widened(matrix[i * _PANEL : (i + 1) * _PANEL])
        blocks = _in_blocks(rows)
        scale = _finest_scales(blocks)
        blocks *= (1 / scale)[..., None]
        whole = np.rint(blocks, out=blocks).astype(np.int16).reshape(len(rows), -1)[:, : matrix.shape[1]]
        pairs[i, :, : len(rows)] = np.ascontiguousarray(whole).view(np.int32).T
        scales[i, :, : len(rows)] = scale.T
    return pairs.view(np.int16).reshape(shape), scales


def _in_blocks(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``rows`` (n, n_in) as (n, n_blocks, _BLOCK), zeros behind them; a view where they are whole blocks."""
    n_behind = -rows.shape[1] % _BLOCK
    whole = np.pad(rows, ((0, 0), (0, n_behind))) if n_behind else rows
    return whole.reshape(len(rows), -1, _BLOCK)


def _finest_scales(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.sqrt(np.einsum("ijk,ijk->ij", blocks, blocks))
    # Without their signs floats are ordered as their bits are, and NumPy finds the largest integer twice as fast.
    largest = (blocks.view(np.int32) & 0x7FFFFFFF).max(axis=2).view(np.float32)
    scales: NDArray[np.float32] = np.maximum(np.maximum(lengths / _LONGEST, largest / _LARGEST), np.float32(_SMALLEST))
    return scales


def _widened(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return ``rows`` in float32, a copy; from float16 ten times as fast as numpy does, which is most of the time."""
    if rows.dtype != np.float16:
        return rows.astype(np.float32)
    bits = np.ascontiguousarray(rows).view(np.int16).astype(np.int32)
    bits <<= 13  # exponent and fraction to their places, copies of the sign above them
    bits &= np.int32(-0x70002000)  # one of these stays: 0x8FFFE000
    widened = bits.view(np.float32)
    widened *= np.float32(2.0**112)  # the exponents' different zeros
    return widened
