"""The matrix product of a few rows with a large matrix, on the CPU.

MAX multiplies large matrices well and few rows badly: it reads the matrix at half the speed of the memory, and in
float32 only.  A decoder step is nothing but such products, so its time is that of reading the weights.  Here each
weight is read once, in the type it was published in (float16), and multiplied in float32 while it is in a register:
the same result for half the bytes.  docs/decisions/0008-kernel-for-few-rows.md
"""

import extensibility
from extensibility import InputTensor, OutputTensor
from max.algorithm import sync_parallelize
from max.gpu.host import DeviceContext
from std.math import ceildiv
from std.sys import PrefetchOptions, prefetch
from std.sys.info import num_physical_cores, simd_width_of

comptime WIDTH = simd_width_of[DType.float32]()
comptime COLUMNS = 16
"""Outputs that are computed together: their weights stay in the nearest cache while the rows pass by, and those of as
many outputs after them are called for meanwhile, or every product would wait for the memory."""
comptime SOON = PrefetchOptions().for_read().high_locality().to_data_cache()
comptime WEIGHTS_PER_TASK = 65_536
"""Less work than this is not worth waking a thread for."""


@always_inline
def dot_products[n_rows: Int, n_columns: Int, dtype: DType](
    rows: UnsafePointer[Float32, _],
    weights: UnsafePointer[Scalar[dtype], _],
    output: UnsafePointer[mut=True, Float32, _],
    depth: Int,
    output_stride: Int,
):
    """Multiply each of n_rows rows with each of n_columns columns, all sums in registers."""
    var sums = Array[SIMD[DType.float32, WIDTH], n_rows * n_columns](fill=0)
    for k in range(0, depth, WIDTH):
        var column = Array[SIMD[DType.float32, WIDTH], n_columns](fill=0)
        comptime for c in range(n_columns):
            prefetch[SOON](weights + (c + COLUMNS) * depth + k)
            column[c] = weights.unsafe_load[width=WIDTH](c * depth + k).cast[DType.float32]()
        comptime for r in range(n_rows):
            var row = rows.unsafe_load[width=WIDTH](r * depth + k)
            comptime for c in range(n_columns):
                comptime i = r * n_columns + c
                sums[i] = row.fma(column[c], sums[i])
    comptime for r in range(n_rows):
        comptime for c in range(n_columns):
            output.unsafe_store(r * output_stride + c, sums[r * n_columns + c].reduce_add())


@extensibility.register("max_whisper.linear")
struct Linear:
    """Computes output[r, n] = sum over k of rows[r, k] * weights[n, k].

    Tensor shapes: output (n_rows, n_out), rows (n_rows, depth), weights (n_out, depth); depth a multiple of the
    processor's vector width.
    """

    @staticmethod
    def execute[target: StaticString](
        output: OutputTensor[dtype=DType.float32, rank=2, ...],
        rows: InputTensor[dtype=DType.float32, rank=2, ...],
        weights: InputTensor[rank=2, ...],
        ctx: DeviceContext,
    ) raises:
        var n_rows = rows.dim_size(0)
        var depth = rows.dim_size(1)
        var n_out = weights.dim_size(0)
        if depth % WIDTH != 0:
            raise Error("max_whisper.linear needs rows of a multiple of ", WIDTH, " numbers, got ", depth)
        var x = rows.unsafe_ptr()
        var w = weights.unsafe_ptr()
        var y = output.unsafe_ptr()
        var n_tasks = min(num_physical_cores(), ceildiv(n_out * depth, WEIGHTS_PER_TASK))
        var n_per_task = ceildiv(ceildiv(n_out, n_tasks), COLUMNS) * COLUMNS

        def task(i: Int) {imm}:
            @always_inline
            def multiply[rows_at_once: Int, columns_at_once: Int](r: Int, n: Int, n_columns: Int) {imm}:
                for c in range(0, n_columns, columns_at_once):
                    dot_products[rows_at_once, columns_at_once](
                        x + r * depth, w + (n + c) * depth, y + r * n_out + n + c, depth, n_out
                    )

            var end = min((i + 1) * n_per_task, n_out)
            var n = i * n_per_task
            while n + COLUMNS <= end:
                # Sixteen sums at a time: they, a column of weights and a row fit the registers.
                var r = 0
                while r + 4 <= n_rows:
                    multiply[4, 4](r, n, COLUMNS)
                    r += 4
                if r + 2 <= n_rows:
                    multiply[2, 8](r, n, COLUMNS)
                    r += 2
                if r < n_rows:
                    multiply[1, 16](r, n, COLUMNS)
                n += COLUMNS
            for r in range(n_rows):
                multiply[1, 1](r, n, end - n)

        sync_parallelize(task, n_tasks)
