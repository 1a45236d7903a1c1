"""Matrices of 16-bit integers, laid out as our kernel reads them (engine/kernels/linear_int16.mojo).

Each row has a scale as fine as may be: its integers are no longer than ``_LONGEST``, so that no dot product of two
rows can leave 32 bits (engine/kernels/int16.mojo).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

INTEGERS, SCALES = "_int16", "_scales"
"""What the two parts of a weight are called, behind its name."""

_PANEL = 64
"""Rows that lie together, two numbers of each after another."""
_LONGEST = 46_000.0
_LARGEST = 32_767.0
_SMALLEST = 1e-21


def int16_shape(n_out: int, n_in: int) -> tuple[int, int, int, int]:
    """Return the shape of a matrix (n_out, n_in) in panels."""
    return -(-n_out // _PANEL), n_in // 2, _PANEL, 2


def quantised(matrix: NDArray[np.floating]) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Return a finite matrix (n_out, n_in), n_in even, as integers and what they are to be multiplied with.

    Returns:
        integers: int16, ``int16_shape``; rows behind the last are zeros.
        scales: float32, one for each row of the panels.
    """
    n_out, n_in = matrix.shape
    shape = int16_shape(n_out, n_in)
    pairs = np.empty(shape[:3], np.int32)
    scales = np.zeros(shape[0] * _PANEL, np.float32)
    for i in range(shape[0]):
        # A panel at a time stays in the nearest caches through all that is done to it.
        rows = _widened(matrix[i * _PANEL : (i + 1) * _PANEL])
        scale = _finest_scales(rows)
        rows *= (1 / scale)[:, None]
        pairs[i, :, len(rows) :] = 0
        pairs[i, :, : len(rows)] = np.rint(rows, out=rows).astype(np.int16).view(np.int32).T
        scales[i * _PANEL :][: len(rows)] = scale
    return pairs.view(np.int16).reshape(shape), scales


def _finest_scales(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    largest = np.maximum(rows.max(axis=1), -rows.min(axis=1))
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
