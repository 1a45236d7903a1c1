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

from .int16 import COLUMNS, PANEL, ROWS, VECTORS, Vector, WIDTH, multiply, n_blocks, quantise

comptime ROWS_PER_TASK = 96
"""Rows that are quantised before they are multiplied: they stay in the nearer caches."""
comptime WEIGHTS_PER_TASK = 65_536
"""Less work than this is not worth waking a thread for."""


@extensibility.register("max_whisper.linear_int16")
struct LinearInt16:
    """Computes output[b, r, n] = sum over k of rows[b, r, k] * weights[n, k] * scales[n, k / BLOCK].

    Tensor shapes: output (batch, n_rows, n_out), rows (batch, n_rows, depth), weights (n_panels, depth / 2, PANEL, 2), scales
    (n_panels, n_blocks, PANEL); n_panels and n_blocks are rounded up, depth is a multiple of the processor's vector
    width.
    """

    @staticmethod
    def execute[target: StaticString](
        output: _FusedOutputTensor[dtype=DType.float32, rank=3, ...],
        rows: InputTensor[dtype=DType.float32, rank=3, ...],
        weights: InputTensor[dtype=DType.int16, rank=4, ...],
        scales: InputTensor[dtype=DType.float32, rank=3, ...],
        ctx: DeviceContext,
    ) raises:
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
        var n_tasks = n_cores * ceildiv(n_rows, ROWS_PER_TASK * n_cores) if is_tall else 1
        var rows_per_task = ceildiv(ceildiv(n_rows, n_tasks), ROWS) * ROWS
        n_tasks = ceildiv(n_rows, rows_per_task)
        var n_parts = 1 if is_tall else min(n_cores, ceildiv(n_out * depth, WEIGHTS_PER_TASK))
        var panels_per_part = ceildiv(n_panels, n_parts)

        @always_inline
        def store(row: Int, column: Int, numbers: Vector) {imm}:
            if column + WIDTH <= n_out:
                output._fused_store[width=WIDTH](IndexList[3](row // n_each, row % n_each, column), numbers)
            else:
                for j in range(n_out - column):
                    output._fused_store[width=1](IndexList[3](row // n_each, row % n_each, column + j), numbers[j])

        def task(i: Int) {imm}:
            var first = (i // n_parts) * rows_per_task
            var n = min(rows_per_task, n_rows - first)
            var quantised = alloc[Int16](rows_per_task * depth, alignment=64)
            var row_scales = alloc[Float32](rows_per_task * n_blocks(depth))
            for r in range(n):
                quantise(x + (first + r) * depth, depth, quantised + r * depth, row_scales + r * n_blocks(depth))
            var sums = alloc[Float32](ROWS * COLUMNS, alignment=64)
            var last = min((i % n_parts + 1) * panels_per_part * PANEL, n_panels * PANEL)
            for c in range((i % n_parts) * panels_per_part * PANEL, last, COLUMNS):
                var columns = w + (c // PANEL) * PANEL * depth + 2 * (c % PANEL)
                var column_scales = s + (c // PANEL) * PANEL * n_blocks(depth) + c % PANEL
                for r in range(0, n, ROWS):
                    var at_once = min(ROWS, n - r)
                    var these = row_scales + r * n_blocks(depth)
                    multiply(quantised + r * depth, these, depth, at_once, columns, column_scales, depth, sums)
                    for i in range(at_once):
                        comptime for v in range(VECTORS):
                            var numbers = sums.unsafe_load[width=WIDTH](i * COLUMNS + v * WIDTH)
                            store(first + r + i, c + v * WIDTH, numbers)
            sums.free()
            quantised.free()
            row_scales.free()

        sync_parallelize(task, n_tasks * n_parts)
