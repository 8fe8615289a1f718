"""Mean pooling: the mean of the vectors of each document's tokens."""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import f32, i64, jit, number, u32


@jit
def _add(table, row, out, at, dim):
    for k in range(dim):
        out[at + k] += table[row + k]


@jit
def _divide(out, at, dim, count):
    for k in range(dim):
        out[at + k] /= count


@jit
def _pool_means(ids, ends, table, dim, skip, most, out, counts):
    start = 0
    for document in range(len(ends)):
        count, at = 0, document * dim
        for k in range(dim):
            out[at + k] = np.float32(0)
        for i in range(start, ends[document]):
            if np.int64(ids[i]) != skip:
                count += 1
                if count <= most:
                    _add(table, np.int64(ids[i]) * dim, out, at, dim)
        if count:
            _divide(out, at, dim, np.float32(count))
        counts[document] = count
        start = ends[document]
    return 0


def pool_means(a):
    """The mean of the vectors of each document's tokens, added up token after token in 32 bits.

    Arguments: ids, each with a row in the table; ends; the table, row after row; its dimension; the id of a token
    that is skipped, or -1; the most tokens of a document that are added up so; written: means, and the number of tokens
    of each. The mean of a document of more tokens is not valid: it is left to the caller.
    """
    return _pool_means(u32(a, 0), i64(a, 1), f32(a, 2), number(a, 3), number(a, 4), number(a, 5), f32(a, 6), i64(a, 7))
