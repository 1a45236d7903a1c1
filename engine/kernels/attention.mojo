"""The attention of a few queries over many keys, on the CPU.

A step of the decoder asks one question of each window of encoded audio, and waits until all keys and values of the
window were read.  So they are read once, in the type in which they are kept (float16), a row of all heads after
another as they lie in memory, and called for before their turn; everything else is done meanwhile.  MAX's own
attention wants them in float32, copied, and a head at a time.  docs/decisions/0008-kernel-for-few-rows.md
"""

import extensibility
from extensibility import InputTensor, OutputTensor
from max.algorithm import sync_parallelize
from max.gpu.host import DeviceContext
from std.math import ceildiv, exp, sqrt
from std.memory import alloc
from std.sys import PrefetchOptions, prefetch
from std.sys.info import num_physical_cores, simd_width_of

comptime WIDTH = simd_width_of[DType.float32]()
comptime Vector = SIMD[DType.float32, WIDTH]
comptime QUERIES = 4
"""Questions that are answered together: what they have summed up fits the registers."""
comptime KEYS = 16
"""Keys that one head looks at before the next one does: they stay in the nearest cache, and as many after them are
called for meanwhile."""
comptime SOON = PrefetchOptions().for_read().high_locality().to_data_cache()


@always_inline
def score[n_queries: Int, d_head: Int, dtype: DType](
    queries: UnsafePointer[Float32, _],
    keys: UnsafePointer[Scalar[dtype], _],
    stride: Int,
    n_keys: Int,
    scores: UnsafePointer[mut=True, Float32, _],
    score_stride: Int,
):
    """Let scores[q, j] be the dot product of query q and key j, divided by the root of their length."""
    comptime PARTS = d_head // WIDTH
    var query = Array[Vector, n_queries * PARTS](fill=0)
    comptime for q in range(n_queries):
        comptime for p in range(PARTS):
            var part = queries.unsafe_load[width=WIDTH](q * stride + p * WIDTH)
            query[q * PARTS + p] = part / sqrt(Float32(d_head))
    for j in range(n_keys):
        var sums = Array[Vector, n_queries](fill=0)
        comptime for p in range(PARTS):
            prefetch[SOON](keys + (j + KEYS) * stride + p * WIDTH)
            var key = keys.unsafe_load[width=WIDTH](j * stride + p * WIDTH).cast[DType.float32]()
            comptime for q in range(n_queries):
                sums[q] = key.fma(query[q * PARTS + p], sums[q])
        comptime for q in range(n_queries):
            scores.unsafe_store(q * score_stride + j, sums[q].reduce_add())


@always_inline
def exponentials(
    scores: UnsafePointer[mut=True, Float32, _], mask: UnsafePointer[Float32, _], n: Int
) -> Float32:
    """Turn scores into exp(score + mask - the largest), and return their sum."""
    var n_whole = n - n % WIDTH
    var most = Vector(Float32.MIN)
    for j in range(0, n_whole, WIDTH):
        var masked = scores.unsafe_load[width=WIDTH](j) + mask.unsafe_load[width=WIDTH](j)
        scores.unsafe_store(j, masked)
        most = max(most, masked)
    var largest = most.reduce_max()
    for j in range(n_whole, n):
        scores[j] += mask[j]
        largest = max(largest, scores[j])
    var sums = Vector(0)
    for j in range(0, n_whole, WIDTH):
        var e = exp(scores.unsafe_load[width=WIDTH](j) - largest)
        scores.unsafe_store(j, e)
        sums += e
    var sum = sums.reduce_add()
    for j in range(n_whole, n):
        scores[j] = exp(scores[j] - largest)
        sum += scores[j]
    return sum


@always_inline
def mix[n_queries: Int, d_head: Int, dtype: DType](
    weights: UnsafePointer[Float32, _],
    weight_stride: Int,
    values: UnsafePointer[Scalar[dtype], _],
    stride: Int,
    n_keys: Int,
    output: UnsafePointer[mut=True, Float32, _],
):
    """Add to output[q] the sum over j of weights[q, j] * value j."""
    comptime PARTS = d_head // WIDTH
    var mixed = Array[Vector, n_queries * PARTS](fill=0)
    comptime for q in range(n_queries):
        comptime for p in range(PARTS):
            mixed[q * PARTS + p] = output.unsafe_load[width=WIDTH](q * stride + p * WIDTH)
    for j in range(n_keys):
        comptime for p in range(PARTS):
            prefetch[SOON](values + (j + KEYS) * stride + p * WIDTH)
            var value = values.unsafe_load[width=WIDTH](j * stride + p * WIDTH).cast[DType.float32]()
            comptime for q in range(n_queries):
                comptime i = q * PARTS + p
                mixed[i] = value.fma(Vector(weights[q * weight_stride + j]), mixed[i])
    comptime for q in range(n_queries):
        comptime for p in range(PARTS):
            output.unsafe_store(q * stride + p * WIDTH, mixed[q * PARTS + p])


@always_inline
def attend[n_queries: Int, d_head: Int, dtype: DType](
    queries: UnsafePointer[Float32, _],
    keys: UnsafePointer[Scalar[dtype], _],
    values: UnsafePointer[Scalar[dtype], _],
    mask: UnsafePointer[Float32, _],
    stride: Int,
    n_heads: Int,
    n_keys: Int,
    scores: UnsafePointer[mut=True, Float32, _],
    output: UnsafePointer[mut=True, Float32, _],
):
    """Let each of n_heads neighbouring heads of n_queries queries attend to n_keys keys; ``stride`` is that of a row of
    all heads, ``scores`` room for n_heads * n_queries * n_keys numbers."""
    for block in range(0, n_keys, KEYS):
        for h in range(n_heads):
            var here = keys + block * stride + h * d_head
            var at = scores + h * n_queries * n_keys + block
            score[n_queries, d_head](queries + h * d_head, here, stride, min(KEYS, n_keys - block), at, n_keys)
    for h in range(n_heads):
        comptime for q in range(n_queries):
            var at = scores + (h * n_queries + q) * n_keys
            var share = 1 / exponentials(at, mask, n_keys)
            for j in range(n_keys):
                at[j] *= share
            for i in range(d_head):
                output[q * stride + h * d_head + i] = 0
    for block in range(0, n_keys, KEYS):
        for h in range(n_heads):
            var here = values + block * stride + h * d_head
            var at = scores + h * n_queries * n_keys + block
            mix[n_queries, d_head](at, n_keys, here, stride, min(KEYS, n_keys - block), output + h * d_head)


@extensibility.register("max_whisper.attend")
struct Attend:
    """Scaled dot-product attention.

    Tensor shapes: output and query (n_windows, n_queries, n_head, d_head), key and value (n_windows, n_keys, n_head,
    d_head), mask (n_windows, n_keys), added to the scores of all queries and heads; d_head a multiple of the
    processor's vector width.
    """

    @staticmethod
    def execute[d_head: Int, target: StaticString](
        output: OutputTensor[dtype=DType.float32, rank=4, ...],
        query: InputTensor[dtype=DType.float32, rank=4, ...],
        key: InputTensor[rank=4, ...],
        value: InputTensor[dtype=key.dtype, rank=4, ...],
        mask: InputTensor[dtype=DType.float32, rank=2, ...],
        ctx: DeviceContext,
    ) raises:
        comptime assert d_head % WIDTH == 0, "heads must be a multiple of the vector width"
        var n_windows = query.dim_size(0)
        var n_queries = query.dim_size(1)
        var n_head = query.dim_size(2)
        var n_keys = key.dim_size(1)
        var stride = n_head * d_head
        var x = query.unsafe_ptr()
        var k = key.unsafe_ptr()
        var v = value.unsafe_ptr()
        var m = mask.unsafe_ptr()
        var y = output.unsafe_ptr()
        var heads_per_task = ceildiv(n_head, ceildiv(num_physical_cores(), n_windows))
        var tasks_per_window = ceildiv(n_head, heads_per_task)

        def task(i: Int) {imm}:
            var window = i // tasks_per_window
            var head = (i % tasks_per_window) * heads_per_task
            var n_heads = min(heads_per_task, n_head - head)
            var at = window * n_keys * stride + head * d_head
            var scores = alloc[Float32](QUERIES * n_heads * n_keys)

            @always_inline
            def attend_from[n: Int](first: Int) {imm}:
                var asked = (window * n_queries + first) * stride + head * d_head
                attend[n, d_head](x + asked, k + at, v + at, m + window * n_keys, stride, n_heads, n_keys, scores, y + asked)

            var first = 0
            while first + QUERIES <= n_queries:
                attend_from[QUERIES](first)
                first += QUERIES
            while first < n_queries:
                attend_from[1](first)
                first += 1
            scores.free()

        sync_parallelize(task, n_windows * tasks_per_window)
