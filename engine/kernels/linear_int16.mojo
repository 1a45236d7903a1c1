"""The matrix product of rows of float32 with a matrix of 16-bit integers, on the CPU.

A few rows at a time become integers too; so many of them meet so many columns as there are registers for the sums.
Columns lie together as they are read: PANEL of them, two numbers of each after another.
docs/decisions/0019-sixteen-bit-integers.md
"""

import extensibility
from extensibility import InputTensor, _FusedOutputTensor
from max.algorithm import sync_parallelize
from max.gpu.host import DeviceContext
from std.math import ceildiv
from std.memory import alloc
from std.sys.info import num_physical_cores
from std.utils import IndexList

from .int16 import COLUMNS, PANEL, ROWS, Sums, VECTORS, WIDTH, multiply, quantise

comptime ROWS_PER_TASK = 96
"""Rows that are quantised before they are multiplied: they stay in the nearer caches."""
comptime WEIGHTS_PER_TASK = 65_536
"""Less work than this is not worth waking a thread for."""


@extensibility.register("max_whisper.linear_int16")
struct LinearInt16:
    """Computes output[…, r, n] = sum over k of rows[…, r, k] * weights[n, k] * scales[n].

    Tensor shapes: output (…, n_rows, n_out), rows (…, n_rows, depth), weights (n_out / PANEL rounded up, depth / 2,
    PANEL, 2), scales (n_out / PANEL rounded up * PANEL); depth a multiple of the processor's vector width.
    """

    @staticmethod
    def execute[target: StaticString, rank: Int](
        output: _FusedOutputTensor[dtype=DType.float32, rank=rank, ...],
        rows: InputTensor[dtype=DType.float32, rank=rank, ...],
        weights: InputTensor[dtype=DType.int16, rank=4, ...],
        scales: InputTensor[dtype=DType.float32, rank=1, ...],
        ctx: DeviceContext,
    ) raises:
        comptime assert rank == 3, "rows of a batch"
        var n_each = rows.dim_size(1)
        var n_rows = rows.dim_size(0) * n_each
        var depth = rows.dim_size(2)
        var n_out = output.dim_size(2)
        if depth % WIDTH != 0:
            raise Error("max_whisper.linear_int16 needs rows of a multiple of ", WIDTH, " numbers, got ", depth)
        var x = rows.unsafe_ptr()
        var w = weights.unsafe_ptr()
        var s = scales.unsafe_ptr()
        var n_cores = num_physical_cores()
        var n_panels = ceildiv(n_out, PANEL)
        var is_tall = n_rows >= 16 * n_cores
        var n_blocks = n_cores * ceildiv(n_rows, ROWS_PER_TASK * n_cores) if is_tall else 1
        var rows_per_block = ceildiv(ceildiv(n_rows, n_blocks), ROWS) * ROWS
        n_blocks = ceildiv(n_rows, rows_per_block)
        var n_parts = 1 if is_tall else min(n_cores, ceildiv(n_out * depth, WEIGHTS_PER_TASK))
        var panels_per_part = ceildiv(n_panels, n_parts)

        @always_inline
        def store(row: Int, column: Int, sums: Sums, row_scale: Float32) {imm}:
            var numbers = sums.cast[DType.float32]() * (s.unsafe_load[width=WIDTH](column) * row_scale)
            if column + WIDTH <= n_out:
                output._fused_store[width=WIDTH](IndexList[rank](row // n_each, row % n_each, column), numbers)
            else:
                for j in range(n_out - column):
                    output._fused_store[width=1](IndexList[rank](row // n_each, row % n_each, column + j), numbers[j])

        def task(i: Int) {imm}:
            var first = (i // n_parts) * rows_per_block
            var n = min(rows_per_block, n_rows - first)
            var quantised = alloc[Int16](rows_per_block * depth, alignment=64)
            var row_scales = alloc[Float32](rows_per_block, alignment=64)
            for r in range(n):
                row_scales[r] = quantise(x + (first + r) * depth, depth, quantised + r * depth)
            var sums = alloc[Int32](ROWS * COLUMNS, alignment=64)
            var last = min((i % n_parts + 1) * panels_per_part * PANEL, n_panels * PANEL)
            for c in range((i % n_parts) * panels_per_part * PANEL, last, COLUMNS):
                var columns = w + (c // PANEL) * PANEL * depth + 2 * (c % PANEL)
                for r in range(0, n, ROWS):
                    multiply(quantised + r * depth, depth, min(ROWS, n - r), columns, depth, sums)
                    for i in range(min(ROWS, n - r)):
                        comptime for v in range(VECTORS):
                            var sum = sums.unsafe_load[width=WIDTH](i * COLUMNS + v * WIDTH)
                            store(first + r + i, c + v * WIDTH, sum, row_scales[r + i])
            sums.free()
            quantised.free()
            row_scales.free()

        sync_parallelize(task, n_blocks * n_parts)
