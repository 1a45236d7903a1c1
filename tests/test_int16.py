"""Matrices of 16-bit integers: nearly what they were, laid out in panels, and never too long to multiply."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from engine.int16 import int16_shapes, quantised

FLOATS = st.floats(-1e6, 1e6, width=32)
HALVES = st.floats(-1024, 1024, width=16)
SHAPES = st.tuples(st.integers(1, 130), st.integers(1, 80).map(lambda n: 2 * n))
ANY_MATRIX = st.one_of(arrays(np.float32, SHAPES, elements=FLOATS), arrays(np.float16, SHAPES, elements=HALVES))
BLOCK = 64
LONGEST = np.sqrt(2.0**31 - 1)


def rows_of(integers: NDArray[np.int16], n_out: int) -> NDArray[np.int16]:
    n_panels, n_pairs, panel, _ = integers.shape
    return integers.transpose(0, 2, 1, 3).reshape(n_panels * panel, 2 * n_pairs)[:n_out]


def blocks_of(integers: NDArray[np.int16], n_out: int) -> NDArray[np.float64]:
    """(n_out, n_blocks, block)."""
    rows = rows_of(integers, n_out).astype(np.float64)
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % BLOCK))).reshape(n_out, -1, BLOCK)


@given(ANY_MATRIX)
def test_integers_times_scales_are_the_numbers(matrix: NDArray[np.floating]) -> None:
    integers, scales = quantised(matrix)

    assert (integers.shape, scales.shape) == int16_shapes(*matrix.shape)
    steps = scales.transpose(0, 2, 1).reshape(-1, scales.shape[1])[: len(matrix)].astype(np.float64)
    steps = np.repeat(steps, BLOCK, axis=1)[:, : matrix.shape[1]]
    error = np.abs(rows_of(integers, len(matrix)) * steps - matrix)
    # Half a step, and what float32 rounds.
    assert (error <= 0.5 * steps + 1e-6 * np.abs(matrix)).all()


@given(ANY_MATRIX)
def test_blocks_are_too_short_for_any_product_to_leave_32_bits(matrix: NDArray[np.floating]) -> None:
    assert np.linalg.norm(blocks_of(quantised(matrix)[0], len(matrix)), axis=2).max() < LONGEST


@pytest.mark.parametrize("row", [[1.0] * 5120, [1.0] + [0.0] * 63, [1e15] * 384, [1e-15] * 384, [3.0] * 130])
def test_a_block_uses_all_the_bits_there_are(row: list[float]) -> None:
    """It is as long as it may be, or its largest number as large."""
    for block in blocks_of(quantised(np.array([row], np.float32))[0], 1)[0]:
        assert 45_900 < np.linalg.norm(block) < LONGEST or np.abs(block).max() == 32_767


@pytest.mark.parametrize("number", [1e-17, 1e-19, 1e-20, 1e-22, 1e-30, 1e-45])
def test_numbers_whose_squares_vanish_become_small_integers(number: float) -> None:
    blocks = blocks_of(quantised(np.full((1, 64), number, np.float32))[0], 1)

    assert np.linalg.norm(blocks) < LONGEST


def test_zeros_stay_zeros() -> None:
    integers, scales = quantised(np.zeros((3, 64), np.float16))

    assert not integers.any()
    assert np.isfinite(scales).all()


def test_rows_behind_the_last_are_nothing() -> None:
    integers, scales = quantised(np.ones((65, 4), np.float32))

    assert not rows_of(integers, 128)[65:].any()
    assert not scales[1, :, 1:].any()


def test_every_half_is_widened_exactly() -> None:
    halves = np.arange(65_536, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)].reshape(-1, 2)  # two a row: each has its own scale

    narrow, wide = quantised(halves), quantised(halves.astype(np.float32))

    assert np.array_equal(narrow[0], wide[0])
    assert np.array_equal(narrow[1], wide[1])
