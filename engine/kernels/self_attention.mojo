"""The attention of many queries over many keys, on the CPU.

In the encoder every position looks at every other: two matrix products with a softmax between.  A few queries go
through all three at once, so that their scores never leave the nearest caches; keys and values are laid out first as
the products read them.  MAX's own attention writes queries, keys, values and its outcome in another order first.
docs/decisions/0012-attention-of-the-encoder.md
"""

import extensibility
from extensibility import InputTensor, OutputTensor
from max.algorithm import sync_parallelize
from max.gpu.host import DeviceContext
from std.math import ceildiv, sqrt
from std.memory import alloc, bitcast
from std.sys.info import num_physical_cores, simd_width_of

comptime WIDTH = simd_width_of[DType.float32]()
comptime Vector = SIMD[DType.float32, WIDTH]
comptime ROWS = 6
comptime VECTORS = 2 if WIDTH == 8 else 4
"""A tile of a product: so many rows of so many vectors fill the registers, of which AVX2 has half as many."""
comptime PANEL = VECTORS * WIDTH
comptime LOG2_E = Float32(1.4426950408889634)


@always_inline
def multiply[n_rows: Int](
    a: UnsafePointer[Float32, _],
    a_stride: Int,
    b: UnsafePointer[Float32, _],
    n: Int,
    scales: Array[Float32, n_rows],
    c: UnsafePointer[mut=True, Float32, _],
    c_stride: Int,
):
    """Let c (n_rows, PANEL) be a (n_rows, n) times b (n, PANEL), each row times its scale."""
    var sums = Array[Vector, n_rows * VECTORS](fill=0)
    for k in range(n):
        comptime for v in range(VECTORS):
            var vector = b.unsafe_load[width=WIDTH](k * PANEL + v * WIDTH)
            comptime for r in range(n_rows):
                comptime i = r * VECTORS + v
                sums[i] = vector.fma(Vector(a[r * a_stride + k]), sums[i])
    comptime for r in range(n_rows):
        comptime for v in range(VECTORS):
            c.unsafe_store(r * c_stride + v * WIDTH, sums[r * VECTORS + v] * scales[r])


@always_inline
def power_of_two(x: Vector) -> Vector:
    """2 to the power of x, which is at most 0, to the last bits of float32; 2**-126 below that."""
    comptime ROUND = Float32(12582912)
    """1.5 * 2**23: what is added to it is rounded to whole numbers, which stand in its last bits."""
    var rounded = max(x, -126) + ROUND
    var rest = max(x, -126) - (rounded - ROUND)
    # Taylor's series would do: |rest| <= 1/2, and ln(2)**7 / 7! / 2**7 < 2**-23.
    var power = Vector(1.5403530393381609e-4)
    power = power.fma(rest, 1.3333558146428443e-3)
    power = power.fma(rest, 9.618129107628477e-3)
    power = power.fma(rest, 5.550410866482158e-2)
    power = power.fma(rest, 2.402265069591007e-1)
    power = power.fma(rest, 6.931471805599453e-1)
    power = power.fma(rest, 1)
    return bitcast[DType.float32, WIDTH](bitcast[DType.int32, WIDTH](power) + (bitcast[DType.int32, WIDTH](rounded) << 23))


@always_inline
def exponentials(scores: UnsafePointer[mut=True, Float32, _], n_padded: Int, n: Int) -> Float32:
    """Turn scores into exp(score - the largest), and return their sum; what is behind them becomes nothing."""
    for j in range(n, n_padded):
        scores[j] = Float32.MIN
    var most = Vector(Float32.MIN)
    for j in range(0, n_padded, WIDTH):
        most = max(most, scores.unsafe_load[width=WIDTH](j))
    var largest = most.reduce_max()
    var sums = Vector(0)
    for j in range(0, n_padded, WIDTH):
        var e = power_of_two((scores.unsafe_load[width=WIDTH](j) - largest) * LOG2_E)
        scores.unsafe_store(j, e)
        sums += e
    return sums.reduce_add()


@always_inline
def attend[n_rows: Int, d_head: Int](
    queries: UnsafePointer[Float32, _],
    stride: Int,
    keys: UnsafePointer[Float32, _],
    values: UnsafePointer[Float32, _],
    n: Int,
    scores: UnsafePointer[mut=True, Float32, _],
    output: UnsafePointer[mut=True, Float32, _],
    output_stride: Int,
):
    """Let n_rows queries attend to n keys, laid out by ``lay_out``; ``scores`` is room for n_rows whole panels."""
    var n_padded = ceildiv(n, PANEL) * PANEL
    var scales = Array[Float32, n_rows](fill=1 / sqrt(Float32(d_head)))
    for j in range(0, n, PANEL):
        multiply[n_rows](queries, stride, keys + j * d_head, d_head, scales, scores + j, n_padded)
    comptime for r in range(n_rows):
        scales[r] = 1 / exponentials(scores + r * n_padded, n_padded, n)
    comptime for p in range(d_head // PANEL):
        multiply[n_rows](scores, n_padded, values + p * PANEL * n, n, scales, output + p * PANEL, output_stride)


@always_inline
def lay_out[d_head: Int](
    keys: UnsafePointer[Float32, _],
    values: UnsafePointer[Float32, _],
    stride: Int,
    n: Int,
    laid_keys: UnsafePointer[mut=True, Float32, _],
    laid_values: UnsafePointer[mut=True, Float32, _],
):
    """Lay keys out in panels (d_head, PANEL keys) and values in panels (n, PANEL numbers of each)."""
    for j in range(n):
        var panel = laid_keys + (j // PANEL) * PANEL * d_head + j % PANEL
        for i in range(d_head):
            panel[i * PANEL] = keys[j * stride + i]
        comptime for p in range(d_head // PANEL):
            comptime for v in range(VECTORS):
                var part = values.unsafe_load[width=WIDTH](j * stride + p * PANEL + v * WIDTH)
                laid_values.unsafe_store((p * n + j) * PANEL + v * WIDTH, part)


@extensibility.register("max_whisper.attend_to_all")
struct AttendToAll:
    """Scaled dot-product attention of every position to every other.

    Tensor shapes: output (n_windows, n, n_state), qkv (n_windows, n, 3 * n_state), queries before keys before values,
    each head after head; d_head a multiple of PANEL.
    """

    @staticmethod
    def execute[d_head: Int, target: StaticString](
        output: OutputTensor[dtype=DType.float32, rank=3, ...],
        qkv: InputTensor[dtype=DType.float32, rank=3, ...],
        ctx: DeviceContext,
    ) raises:
        comptime assert d_head % PANEL == 0, "heads must be a multiple of a panel's width"
        var n_windows = output.dim_size(0)
        var n = output.dim_size(1)
        var n_state = output.dim_size(2)
        var n_head = n_state // d_head
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
            var queries = x + window * n * 3 * n_state + head * d_head
            var out = y + window * n * n_state + head * d_head
            var keys = alloc[Float32](n_padded * d_head, alignment=64)
            var values = alloc[Float32](n * d_head, alignment=64)
            var scores = alloc[Float32](n_padded * ROWS, alignment=64)
            lay_out[d_head](queries + n_state, queries + 2 * n_state, 3 * n_state, n, keys, values)

            @always_inline
            def attend_from[n_rows: Int](row: Int) {imm}:
                attend[n_rows, d_head](
                    queries + row * 3 * n_state, 3 * n_state, keys, values, n, scores, out + row * n_state, n_state
                )

            while first + ROWS <= last:
                attend_from[ROWS](first)
                first += ROWS
            while first < last:
                attend_from[1](first)
                first += 1
            keys.free()
            values.free()
            scores.free()

        sync_parallelize(task, n_windows * n_head * tasks_per_head)
