"""The attention of many queries over many keys by products of 16-bit integers, on the CPU.

As in self_attention.mojo; each query, each key and each head's number of all values has a scale of its own, and so has
what a query makes of all keys.  docs/decisions/0019-sixteen-bit-integers.md
"""

import extensibility
from extensibility import InputTensor, OutputTensor
from max.algorithm import sync_parallelize
from max.gpu.host import DeviceContext
from std.math import ceildiv, iota, sqrt
from std.memory import alloc
from std.sys.info import num_physical_cores

from .int16 import COLUMNS, PANEL, ROWS, VECTORS, Vector, WIDTH, finest_scales, integers, multiply, quantise
from .self_attention import LOG2_E, power_of_two

comptime PARTS = PANEL // WIDTH
"""Vectors of a head, which is as wide as a panel."""


@always_inline
def lay_out_keys(
    keys: UnsafePointer[Float32, _],
    stride: Int,
    n: Int,
    laid: UnsafePointer[mut=True, Int16, _],
    scales: UnsafePointer[mut=True, Float32, _],
):
    """Lay n keys out in panels of as many keys as a head has numbers."""
    var row = alloc[Int16](PANEL, alignment=64)
    var pairs = row.bitcast[Int32]()
    for j in range(n):
        scales[j] = quantise(keys + j * stride, PANEL, row)
        var panel = laid.bitcast[Int32]() + (j // PANEL) * PANEL * PANEL // 2 + j % PANEL
        for k in range(PANEL // 2):
            panel[k * PANEL] = pairs[k]
    row.free()


@always_inline
def lay_out_values(
    values: UnsafePointer[Float32, _],
    stride: Int,
    n: Int,
    laid: UnsafePointer[mut=True, Int16, _],
    scales: UnsafePointer[mut=True, Float32, _],
):
    """Lay n values out as one panel, a column for each of their numbers; after an odd last one come zeros."""
    comptime for p in range(PARTS):
        var squares = Vector(0)
        var largest = Vector(0)
        for j in range(n):
            var value = values.unsafe_load[width=WIDTH](j * stride + p * WIDTH)
            squares = value.fma(value, squares)
            largest = max(largest, abs(value))
        var scale = finest_scales(squares, largest)
        scales.unsafe_store(p * WIDTH, scale)
        for j in range(0, n, 2):
            var first = integers(values.unsafe_load[width=WIDTH](j * stride + p * WIDTH), 1 / scale)
            var second = SIMD[DType.int16, WIDTH](0)
            if j + 1 < n:
                second = integers(values.unsafe_load[width=WIDTH]((j + 1) * stride + p * WIDTH), 1 / scale)
            laid.unsafe_store(j * PANEL + 2 * p * WIDTH, first.interleave(second))


@always_inline
def powers_of_two(
    numbers: UnsafePointer[mut=True, Float32, _], n: Int, largest: Float32, row: UnsafePointer[mut=True, Int16, _]
) -> Float32:
    """Turn n numbers, a multiple of WIDTH, into a row of integers that are as 2 to the power of number - largest.

    Returns:
        The inverse of the sum of the integers, nearly.
    """
    var sums = Vector(0)
    var squares = Vector(0)
    for j in range(0, n, WIDTH):
        var power = power_of_two(numbers.unsafe_load[width=WIDTH](j) - largest)
        numbers.unsafe_store(j, power)
        sums += power
        squares = power.fma(power, squares)
    var scale = finest_scales(Vector(squares.reduce_add()), Vector(1))
    for j in range(0, n, WIDTH):
        row.unsafe_store(j, integers(numbers.unsafe_load[width=WIDTH](j), 1 / scale))
    return scale[0] / sums.reduce_add()


@always_inline
def attend(
    queries: UnsafePointer[Float32, _],
    stride: Int,
    n_rows: Int,
    keys: UnsafePointer[Int16, _],
    key_scales: UnsafePointer[Float32, _],
    values: UnsafePointer[Int16, _],
    value_scales: UnsafePointer[Float32, _],
    n: Int,
    scores: UnsafePointer[mut=True, Float32, _],
    rows: UnsafePointer[mut=True, Int16, _],
    sums: UnsafePointer[mut=True, Int32, _],
    output: UnsafePointer[mut=True, Float32, _],
    output_stride: Int,
):
    """Let n_rows queries, at most ROWS, attend to n keys; ``scores`` and ``rows`` are room for as many whole panels,
    ``sums`` for a tile."""
    var n_padded = ceildiv(n, PANEL) * PANEL
    var scales = Array[Float32, ROWS](fill=LOG2_E / sqrt(Float32(PANEL)))
    var largest = Array[Vector, ROWS](fill=Vector(Float32.MIN))
    for r in range(n_rows):
        scales[r] *= quantise(queries + r * stride, PANEL, rows + r * PANEL)
    for j in range(0, n_padded, COLUMNS):
        multiply(rows, PANEL, n_rows, keys + j // PANEL * PANEL * PANEL + 2 * (j % PANEL), PANEL, sums)
        comptime for v in range(VECTORS):
            var is_key = iota[DType.int32, WIDTH](Int32(j + v * WIDTH)).lt(Int32(n))
            var key_scale = key_scales.unsafe_load[width=WIDTH](j + v * WIDTH)
            for r in range(n_rows):
                var sum = sums.unsafe_load[width=WIDTH](r * COLUMNS + v * WIDTH).cast[DType.float32]()
                var score = is_key.select(sum * (key_scale * scales[r]), Vector(Float32.MIN))
                largest[r] = max(largest[r], score)
                scores.unsafe_store(r * n_padded + j + v * WIDTH, score)
    for r in range(n_rows):
        scales[r] = powers_of_two(scores + r * n_padded, n_padded, largest[r].reduce_max(), rows + r * n_padded)
    for c in range(0, PANEL, COLUMNS):
        multiply(rows, n_padded, n_rows, values + 2 * c, n + n % 2, sums)
        comptime for v in range(VECTORS):
            var value_scale = value_scales.unsafe_load[width=WIDTH](c + v * WIDTH)
            for r in range(n_rows):
                var sum = sums.unsafe_load[width=WIDTH](r * COLUMNS + v * WIDTH).cast[DType.float32]()
                output.unsafe_store(r * output_stride + c + v * WIDTH, sum * (value_scale * scales[r]))


@extensibility.register("max_whisper.attend_to_all_int16")
struct AttendToAllInt16:
    """Scaled dot-product attention of every position to every other.

    Tensor shapes: output (n_windows, n, n_state), qkv (n_windows, n, 3 * n_state), queries before keys before values,
    each head after head, PANEL numbers each.
    """

    @staticmethod
    def execute[target: StaticString](
        output: OutputTensor[dtype=DType.float32, rank=3, ...],
        qkv: InputTensor[dtype=DType.float32, rank=3, ...],
        ctx: DeviceContext,
    ) raises:
        var n_windows = output.dim_size(0)
        var n = output.dim_size(1)
        var n_state = output.dim_size(2)
        var n_head = n_state // PANEL
        var x = qkv.unsafe_ptr()
        var y = output.unsafe_ptr()
        var tasks_per_head = ceildiv(num_physical_cores(), n_windows * n_head)
        var rows_per_task = ceildiv(ceildiv(n, ROWS), tasks_per_head) * ROWS
        var n_padded = ceildiv(n, PANEL) * PANEL

        def task(i: Int) {imm}:
            var head = i // tasks_per_head
            var window = head // n_head
            head %= n_head
            var first = (i % tasks_per_head) * rows_per_task
            var last = min(first + rows_per_task, n)
            var queries = x + window * n * 3 * n_state + head * PANEL
            var out = y + window * n * n_state + head * PANEL
            var keys = alloc[Int16](n_padded * PANEL, alignment=64)
            var values = alloc[Int16](n_padded * PANEL, alignment=64)
            var scales = alloc[Float32](n_padded + PANEL, alignment=64)
            var scores = alloc[Float32](n_padded * ROWS, alignment=64)
            var rows = alloc[Int16](n_padded * ROWS, alignment=64)
            var sums = alloc[Int32](ROWS * COLUMNS, alignment=64)
            lay_out_keys(queries + n_state, 3 * n_state, n, keys, scales + PANEL)
            lay_out_values(queries + 2 * n_state, 3 * n_state, n, values, scales)

            for r in range(first, last, ROWS):
                attend(
                    queries + r * 3 * n_state, 3 * n_state, min(ROWS, last - r), keys, scales + PANEL, values, scales, n,
                    scores, rows, sums, out + r * n_state, n_state,
                )
            keys.free()
            values.free()
            scales.free()
            scores.free()
            rows.free()
            sums.free()

        sync_parallelize(task, n_windows * n_head * tasks_per_head)
