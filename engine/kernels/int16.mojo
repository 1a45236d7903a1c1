"""Products of rows of 16-bit integers, on CPUs that have an instruction for them.

One such instruction (vpdpwssd, of AVX-512 VNNI and AVX-VNNI) multiplies twice as many numbers as one for float32, and
adds them up without rounding.  BLOCK numbers of a row at a time become integers, with a scale as fine as may be: no
sum can leave 32 bits, because no dot product is larger than the product of the two lengths (Cauchy and Schwarz).
Rounding costs a third of what float16 does.  docs/decisions/0019-sixteen-bit-integers.md
"""

from std.math import ceildiv, sqrt
from std.memory import bitcast
from std.sys import PrefetchOptions, prefetch
from std.sys.info import simd_width_of
from std.sys.intrinsics import llvm_intrinsic

comptime WIDTH = simd_width_of[DType.float32]()
comptime Vector = SIMD[DType.float32, WIDTH]
comptime Products = SIMD[DType.int32, WIDTH]
comptime Pairs = SIMD[DType.int16, 2 * WIDTH]
comptime ROWS = 6
comptime VECTORS = 2 if WIDTH == 8 else 4
comptime COLUMNS = VECTORS * WIDTH
"""A tile of a product: so many rows of so many columns fill the registers, of which AVX2 has half as many."""
comptime PANEL = 64
"""Columns that lie together, two numbers of each after another; engine/int16.py lays out weights so."""
comptime BLOCK = 64
"""Numbers of a row that share a scale: the fewer, the finer, and the more often sums leave the registers."""
comptime AHEAD = 64 * 2 * PANEL
"""How far ahead of their turn a panel's numbers, and those of the next one, are called for: with few rows a product
would wait for the memory, with many it costs nothing."""
comptime SOON = PrefetchOptions().for_read().high_locality().to_data_cache()
comptime LONGEST = Float32(46000)
"""The length to which rows are scaled: its square is below 2**31, with room for the rounding of 100,000 numbers."""
comptime LARGEST = Float32(32767)
comptime SMALLEST = Float32(1e-21)
"""No scale is smaller: the squares of smaller numbers vanish, and with them what their length is known by."""


@always_inline
def add_products(sums: Products, a: Pairs, b: Pairs) -> Products:
    """Add to each sum the two products of its pair of ``a`` and of ``b``."""
    comptime if WIDTH == 16:
        return llvm_intrinsic["llvm.x86.avx512.vpdpwssd.512", Products](sums, a, b)
    else:
        comptime assert WIDTH == 8, "products of 16-bit integers want vectors of 256 or 512 bits"
        return llvm_intrinsic["llvm.x86.avx512.vpdpwssd.256", Products](sums, a, b)


def tile[n_rows: Int](
    rows: UnsafePointer[Int16, _],
    row_scales: UnsafePointer[Float32, _],
    stride: Int,
    columns: UnsafePointer[Int16, _],
    column_scales: UnsafePointer[Float32, _],
    depth: Int,
    output: UnsafePointer[mut=True, Float32, _],
):
    """Multiply n_rows rows with COLUMNS columns, all sums of a block in registers."""
    var sums = Array[Vector, n_rows * VECTORS](fill=0)
    var pairs = rows.bitcast[Int32]()
    for block in range(n_blocks(depth)):
        var products = Array[Products, n_rows * VECTORS](fill=0)
        for k in range(block * BLOCK // 2, min((block + 1) * BLOCK, depth) // 2):
            var column = Array[Pairs, VECTORS](fill=0)
            comptime for v in range(VECTORS):
                var here = columns + 2 * (k * PANEL + v * WIDTH)
                prefetch[SOON](here + AHEAD)
                column[v] = here.unsafe_load[width = 2 * WIDTH]()
            comptime for r in range(n_rows):
                var pair = bitcast[DType.int16, 2 * WIDTH](Products(pairs[r * (stride // 2) + k]))
                comptime for v in range(VECTORS):
                    comptime i = r * VECTORS + v
                    products[i] = add_products(products[i], pair, column[v])
        comptime for v in range(VECTORS):
            var scales = column_scales.unsafe_load[width=WIDTH](block * PANEL + v * WIDTH)
            comptime for r in range(n_rows):
                comptime i = r * VECTORS + v
                var scale = scales * row_scales[r * n_blocks(stride) + block]
                sums[i] = products[i].cast[DType.float32]().fma(scale, sums[i])
    comptime for i in range(n_rows * VECTORS):
        output.unsafe_store(i * WIDTH, sums[i])


@always_inline
def multiply(
    rows: UnsafePointer[Int16, _],
    row_scales: UnsafePointer[Float32, _],
    stride: Int,
    n_rows: Int,
    columns: UnsafePointer[Int16, _],
    column_scales: UnsafePointer[Float32, _],
    depth: Int,
    output: UnsafePointer[mut=True, Float32, _],
):
    """Let output (n_rows, COLUMNS) be the dot products of at most ROWS rows and COLUMNS columns of a panel.

    Rows are ``stride`` numbers apart, of which ``depth`` count, and have a scale for each block of ``stride``; scales
    of columns are in panels too, one behind another for each block.  ``depth`` and ``stride`` are even.
    """
    comptime for n in range(1, ROWS + 1):
        if n == n_rows:
            tile[n](rows, row_scales, stride, columns, column_scales, depth, output)


@always_inline
def n_blocks(n: Int) -> Int:
    """How many blocks n numbers are."""
    return ceildiv(n, BLOCK)


@always_inline
def finest_scales(squares: Vector, largest: Vector) -> Vector:
    """What the integers for numbers of these sums of squares are to be multiplied with."""
    return max(max(sqrt(squares) * (1 / LONGEST), largest * (1 / LARGEST)), SMALLEST)


@always_inline
def integers(numbers: Vector, shares: Vector) -> SIMD[DType.int16, WIDTH]:
    """Round numbers times the inverse of their scale."""
    comptime ROUND = Float32(12582912)
    """1.5 * 2**23: what is added to it is rounded to whole numbers, which stand in its last bits."""
    return bitcast[DType.int32, WIDTH](numbers.fma(shares, Vector(ROUND))).cast[DType.int16]()


@always_inline
def quantise(
    numbers: UnsafePointer[Float32, _],
    n: Int,
    row: UnsafePointer[mut=True, Int16, _],
    scales: UnsafePointer[mut=True, Float32, _],
):
    """Turn n numbers, a multiple of WIDTH, into a row of integers and the scales of its blocks."""
    for block in range(n_blocks(n)):
        var squares = Vector(0)
        var largest = Vector(0)
        var end = min((block + 1) * BLOCK, n)
        for i in range(block * BLOCK, end, WIDTH):
            var vector = numbers.unsafe_load[width=WIDTH](i)
            squares = vector.fma(vector, squares)
            largest = max(largest, abs(vector))
        var scale = finest_scales(Vector(squares.reduce_add()), Vector(largest.reduce_max()))
        scales[block] = scale[0]
        for i in range(block * BLOCK, end, WIDTH):
            row.unsafe_store(i, integers(numbers.unsafe_load[width=WIDTH](i), 1 / scale))
