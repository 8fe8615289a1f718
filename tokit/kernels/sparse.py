"""Products of a sparse matrix with a narrow dense one, a few numbers of a row at once in registers."""

from __future__ import annotations

from tokit.kernels.compiled.intrinsics import f32, i32, i64, jit, number, prefetch
from tokit.kernels.compiled.simd import WIDTH, broadcast, load, store, times_plus, zero

# Numbers of a row that are summed up at once: four vectors.
_STRIP = 4 * WIDTH
_LINE = 16
# Numbers of the matrix between asking for a row and adding it.
_AHEAD = 8


@jit
def _add_rows(columns, numbers, first, last, dense, stride, at, out, to):
    s0, s1, s2, s3 = zero(), zero(), zero(), zero()
    for k in range(first, last):
        if k + _AHEAD < last:
            for line in range(0, _STRIP, _LINE):
                prefetch(dense, columns[k + _AHEAD] * stride + at + line)
        number_, row = broadcast(numbers[k]), columns[k] * stride + at
        s0 = times_plus(number_, load(dense, row), s0)
        s1 = times_plus(number_, load(dense, row + WIDTH), s1)
        s2 = times_plus(number_, load(dense, row + 2 * WIDTH), s2)
        s3 = times_plus(number_, load(dense, row + 3 * WIDTH), s3)
    store(out, to, s0)
    store(out, to + WIDTH, s1)
    store(out, to + 2 * WIDTH, s2)
    store(out, to + 3 * WIDTH, s3)


@jit
def _multiply_rows(starts, columns, numbers, dense, stride, first, last, out):
    for row in range(first, last):
        for at in range(0, stride, _STRIP):
            _add_rows(columns, numbers, starts[row], starts[row + 1], dense, stride, at, out, row * stride + at)
    return 0


def multiply_rows(a):
    """Multiply some rows of a sparse matrix by a dense one.

    Args:
        a: Address of these: where each row starts (int64, one more than rows); columns (int32) and numbers (float32) of
            the matrix; the dense one (float32); numbers from row to row of it and of the product, a multiple of 64;
            the first row and the one after the last; room for the product (float32).

    Returns:
        Zero.
    """
    return _multiply_rows(
        i64(a, 0), i32(a, 1), f32(a, 2), f32(a, 3), number(a, 4), number(a, 5), number(a, 6), f32(a, 7)
    )
