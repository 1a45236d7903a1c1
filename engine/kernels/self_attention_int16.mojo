"""The attention of many queries over many keys by products of 16-bit integers, on the CPU.

As in self_attention.mojo; a query and a key are one block each, of the values and of what a query makes of the keys
BLOCK positions are one.  docs/decisions/0019-sixteen-bit-integers.md
"""

import extensibility
from extensibility import InputTensor, OutputTensor
from max.algorithm import sync_parallelize
from max.gpu.host import DeviceContext
from std.math import ceildiv, iota, sqrt
from std.memory import alloc
from std.sys.info import num_physical_cores

from .int16 import (
    BLOCK, COLUMNS, PANEL, ROWS, VECTORS, Vector, WIDTH, finest_scales, integers, multiply, n_blocks, quantise,
)
from .self_attention import LOG2_E, power_of_two

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
        quantise(keys + j * stride, PANEL, row, scales + j)
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
    for block in range(n_blocks(n)):
        var first = block * BLOCK
        var end = min(first + BLOCK, n)
        comptime for p in range(PANEL // WIDTH):
            var here = values + p * WIDTH
            var squares = Vector(0)
            var largest = Vector(0)
            for j in range(first, end):
                var value = here.unsafe_load[width=WIDTH](j * stride)
                squares = value.fma(value, squares)
                largest = max(largest, abs(value))
            var scale = finest_scales(squares, largest)
            scales.unsafe_store(block * PANEL + p * WIDTH, scale)
            for j in range(first, end, 2):
                var even = integers(here.unsafe_load[width=WIDTH](j * stride), 1 / scale)
                var odd = SIMD[DType.int16, WIDTH](0)
                if j + 1 < end:
                    odd = integers(here.unsafe_load[width=WIDTH]((j + 1) * stride), 1 / scale)
                laid.unsafe_store(j * PANEL + 2 * p * WIDTH, even.interleave(odd))


@always_inline
def powers_of_two(
    numbers: UnsafePointer[Float32, _],
    n: Int,
    largest: Float32,
    row: UnsafePointer[mut=True, Int16, _],
    scales: UnsafePointer[mut=True, Float32, _],
) -> Float32:
    """Turn n numbers, whole blocks, into 2 to the power of number - largest, a row of integers and its scales.

    Returns:
        The sum of the powers.
    """
    comptime IN_BLOCK = BLOCK // WIDTH
    var sums = Vector(0)
    for block in range(n // BLOCK):
        var powers = Array[Vector, IN_BLOCK](fill=0)
        var squares = Vector(0)
        var most = Vector(0)
        comptime for i in range(IN_BLOCK):
            powers[i] = power_of_two(numbers.unsafe_load[width=WIDTH](block * BLOCK + i * WIDTH) - largest)
            sums += powers[i]
            squares = powers[i].fma(powers[i], squares)
            most = max(most, powers[i])
        var scale = finest_scales(Vector(squares.reduce_add()), Vector(most.reduce_max()))
        scales[block] = scale[0]
        comptime for i in range(IN_BLOCK):
            row.unsafe_store(block * BLOCK + i * WIDTH, integers(powers[i], 1 / scale))
    return sums.reduce_add()


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
    row_scales: UnsafePointer[mut=True, Float32, _],
    sums: UnsafePointer[mut=True, Float32, _],
    output: UnsafePointer[mut=True, Float32, _],
    output_stride: Int,
):
    """Let n_rows queries, at most ROWS, attend to n keys; ``scores``, ``rows`` and ``row_scales`` are room for as many
    times n, rounded up to whole panels, ``sums`` for a tile."""
    comptime SCALE = LOG2_E / sqrt(Float32(PANEL))
    var n_padded = ceildiv(n, PANEL) * PANEL
    var largest = Array[Vector, ROWS](fill=Vector(Float32.MIN))
    for r in range(n_rows):
        quantise(queries + r * stride, PANEL, rows + r * PANEL, row_scales + r)
    for j in range(0, n_padded, COLUMNS):
        var panel = keys + j // PANEL * PANEL * PANEL + 2 * (j % PANEL)
        multiply(rows, row_scales, PANEL, n_rows, panel, key_scales + j, PANEL, sums)
        comptime for v in range(VECTORS):
            var is_key = iota[DType.int32, WIDTH](Int32(j + v * WIDTH)).lt(Int32(n))
            for r in range(n_rows):
                var score = sums.unsafe_load[width=WIDTH](r * COLUMNS + v * WIDTH) * SCALE
                score = is_key.select(score, Vector(Float32.MIN))
                largest[r] = max(largest[r], score)
                scores.unsafe_store(r * n_padded + j + v * WIDTH, score)
    var shares = Array[Float32, ROWS](fill=0)
    for r in range(n_rows):
        var own_scales = row_scales + r * n_blocks(n_padded)
        var here = scores + r * n_padded
        shares[r] = 1 / powers_of_two(here, n_padded, largest[r].reduce_max(), rows + r * n_padded, own_scales)
    for c in range(0, PANEL, COLUMNS):
        multiply(rows, row_scales, n_padded, n_rows, values + 2 * c, value_scales + c, n + n % 2, sums)
        comptime for v in range(VECTORS):
            for r in range(n_rows):
                var sum = sums.unsafe_load[width=WIDTH](r * COLUMNS + v * WIDTH)
                output.unsafe_store(r * output_stride + c + v * WIDTH, sum * shares[r])


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
            var key_scales = alloc[Float32](n_padded, alignment=64)
            var value_scales = alloc[Float32](n_padded, alignment=64)
            var scores = alloc[Float32](n_padded * ROWS, alignment=64)
            var rows = alloc[Int16](n_padded * ROWS, alignment=64)
            var row_scales = alloc[Float32](ROWS * n_blocks(n_padded), alignment=64)
            var sums = alloc[Float32](ROWS * COLUMNS, alignment=64)
            lay_out_keys(queries + n_state, 3 * n_state, n, keys, key_scales)
            lay_out_values(queries + 2 * n_state, 3 * n_state, n, values, value_scales)

            for r in range(first, last, ROWS):
                attend(
                    queries + r * 3 * n_state, 3 * n_state, min(ROWS, last - r), keys, key_scales, values,
                    value_scales, n, scores, rows, row_scales, sums, out + r * n_state, n_state,
                )
            keys.free()
            values.free()
            key_scales.free()
            value_scales.free()
            scores.free()
            rows.free()
            row_scales.free()
            sums.free()

        sync_parallelize(task, n_windows * n_head * tasks_per_head)
