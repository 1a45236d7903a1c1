"""Prints how many lanes a vector has, how far products are from those of the numbers that the integers stand for,
relative to the largest, and how far the integers are from the numbers, in steps of their scale."""

from std.memory import alloc

from kernels.int16 import BLOCK, COLUMNS, PANEL, ROWS, WIDTH, multiply, n_blocks, quantise


def main():
    comptime DEPTH = 400
    var numbers = alloc[Float32](ROWS * DEPTH)
    var rows = alloc[Int16](ROWS * DEPTH)
    var row_scales = alloc[Float32](ROWS * n_blocks(DEPTH))
    var columns = alloc[Int16](PANEL * DEPTH)
    var column_scales = alloc[Float32](PANEL * n_blocks(DEPTH))
    var products = alloc[Float32](ROWS * COLUMNS)
    var worst_rounding = Float32(0)
    for r in range(ROWS):
        for k in range(DEPTH):
            numbers[r * DEPTH + k] = Float32(((r * DEPTH + k) * 7919) % 1009) - 504
        quantise(numbers + r * DEPTH, DEPTH, rows + r * DEPTH, row_scales + r * n_blocks(DEPTH))
        for k in range(DEPTH):
            var scale = row_scales[r * n_blocks(DEPTH) + k // BLOCK]
            var number = Float32(rows[r * DEPTH + k]) * scale
            worst_rounding = max(worst_rounding, abs(number - numbers[r * DEPTH + k]) / scale)
    for i in range(PANEL * DEPTH):
        columns[i] = Int16((i * 104729) % 4001 - 2000)
    for i in range(PANEL * n_blocks(DEPTH)):
        column_scales[i] = Float32(1 + i % 7)
    var worst = Float64(0)
    var largest = Float64(0)
    for n in range(1, ROWS + 1):
        for c in range(0, PANEL, COLUMNS):
            multiply(rows, row_scales, DEPTH, n, columns + 2 * c, column_scales + c, DEPTH, products)
            for r in range(n):
                for j in range(COLUMNS):
                    var exact = Float64(0)
                    for k in range(DEPTH):
                        var row_scale = Float64(row_scales[r * n_blocks(DEPTH) + k // BLOCK])
                        var column_scale = Float64(column_scales[k // BLOCK * PANEL + c + j])
                        var column = Float64(columns[k // 2 * 2 * PANEL + 2 * (c + j) + k % 2])
                        exact += Float64(rows[r * DEPTH + k]) * row_scale * column * column_scale
                    worst = max(worst, abs(Float64(products[r * COLUMNS + j]) - exact))
                    largest = max(largest, abs(exact))
    print(WIDTH, worst / largest, worst_rounding)
