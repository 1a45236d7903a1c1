"""Prints how far the products of engine/kernels/int16.mojo are from exact ones: built for one processor or another."""

from std.memory import alloc

from kernels.int16 import COLUMNS, PANEL, ROWS, VECTORS, WIDTH, multiply, quantise


def main():
    comptime DEPTH = 384
    var numbers = alloc[Float32](ROWS * DEPTH)
    var rows = alloc[Int16](ROWS * DEPTH)
    var columns = alloc[Int16](PANEL * DEPTH)
    var sums = alloc[Int32](ROWS * COLUMNS)
    for i in range(ROWS * DEPTH):
        numbers[i] = Float32((i * 7919) % 1009) - 504
    for i in range(PANEL * DEPTH):
        columns[i] = Int16((i * 104729) % 4001 - 2000)
    var scale = quantise(numbers, ROWS * DEPTH, rows)
    var worst = Float32(0)
    for i in range(ROWS * DEPTH):
        worst = max(worst, abs(Float32(rows[i]) * scale - numbers[i]) / scale)
    var n_wrong = 0
    for n in range(1, ROWS + 1):
        for c in range(0, PANEL, COLUMNS):
            multiply(rows, DEPTH, n, columns + 2 * c, DEPTH, sums)
            for r in range(n):
                for j in range(COLUMNS):
                    var exact = 0
                    for k in range(DEPTH):
                        exact += Int(rows[r * DEPTH + k]) * Int(columns[(k // 2) * 2 * PANEL + 2 * (c + j) + k % 2])
                    if Int(sums[(r * VECTORS + j // WIDTH) * WIDTH + j % WIDTH]) != exact:
                        n_wrong += 1
    print(WIDTH, n_wrong, worst)
