"""Products of rows of two tables, and steps along their errors: the arithmetic of `skipgram.py` and `cbow.py`.

Rows of the input table are vectors that are trained; GROUP rows of the output table are worked on at once, so that each
number that is loaded is used several times. Rows are given by their offsets.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import inlined, jit
from tokit.kernels.compiled.simd import (
    WIDTH,
    broadcast,
    load,
    minus,
    plus,
    sigmoid,
    store,
    store_totals,
    times,
    times_plus,
    total,
    zero,
)  # fmt: skip
from tokit.kernels.layout import GROUP, LARGEST_SCORE, SCORES, WIDEST

# The loss is summed up for one step in this number.
SAMPLED = 16
_ONE = np.float32(1)


@inlined
def group_of(rows, first, stride):
    """Offsets of GROUP rows."""
    return (
        rows[first] * stride, rows[first + 1] * stride, rows[first + 2] * stride,
        rows[first + 3] * stride, rows[first + 4] * stride, rows[first + 5] * stride,
    )  # fmt: skip


@jit
def score_two(inputs, outputs, a, b, r, stride, scores, at):
    """Products of two rows of the first table, at offsets a and b, with GROUP rows of the second."""
    s0, s1, s2, s3, s4, s5 = zero(), zero(), zero(), zero(), zero(), zero()
    t0, t1, t2, t3, t4, t5 = zero(), zero(), zero(), zero(), zero(), zero()
    for k in range(0, stride, WIDTH):
        x, y = load(inputs, a + k), load(inputs, b + k)
        w = load(outputs, r[0] + k)
        s0, t0 = times_plus(x, w, s0), times_plus(y, w, t0)
        w = load(outputs, r[1] + k)
        s1, t1 = times_plus(x, w, s1), times_plus(y, w, t1)
        w = load(outputs, r[2] + k)
        s2, t2 = times_plus(x, w, s2), times_plus(y, w, t2)
        w = load(outputs, r[3] + k)
        s3, t3 = times_plus(x, w, s3), times_plus(y, w, t3)
        w = load(outputs, r[4] + k)
        s4, t4 = times_plus(x, w, s4), times_plus(y, w, t4)
        w = load(outputs, r[5] + k)
        s5, t5 = times_plus(x, w, s5), times_plus(y, w, t5)
    store_totals(scores, at, s0, s1, s2, s3, s4, s5)
    store_totals(scores, at + SCORES, t0, t1, t2, t3, t4, t5)


@jit
def step(inputs, outputs, named, first, count, r, stride, errors):
    """Move named input rows and GROUP output rows by their errors, each by the other's old values."""
    for k in range(0, stride, WIDTH):
        w0, w1, w2 = load(outputs, r[0] + k), load(outputs, r[1] + k), load(outputs, r[2] + k)
        w3, w4, w5 = load(outputs, r[3] + k), load(outputs, r[4] + k), load(outputs, r[5] + k)
        d0, d1, d2, d3, d4, d5 = zero(), zero(), zero(), zero(), zero(), zero()
        for c in range(count):
            at = named[first + c] * stride + k
            e = c * SCORES
            x = load(inputs, at)
            error = broadcast(errors[e])
            d0, y = times_plus(error, x, d0), times_plus(error, w0, x)
            error = broadcast(errors[e + 1])
            d1, y = times_plus(error, x, d1), times_plus(error, w1, y)
            error = broadcast(errors[e + 2])
            d2, y = times_plus(error, x, d2), times_plus(error, w2, y)
            error = broadcast(errors[e + 3])
            d3, y = times_plus(error, x, d3), times_plus(error, w3, y)
            error = broadcast(errors[e + 4])
            d4, y = times_plus(error, x, d4), times_plus(error, w4, y)
            error = broadcast(errors[e + 5])
            d5, y = times_plus(error, x, d5), times_plus(error, w5, y)
            store(inputs, at, y)
        # Loaded again, as the same token may have been drawn twice.
        store(outputs, r[0] + k, plus(load(outputs, r[0] + k), d0))
        store(outputs, r[1] + k, plus(load(outputs, r[1] + k), d1))
        store(outputs, r[2] + k, plus(load(outputs, r[2] + k), d2))
        store(outputs, r[3] + k, plus(load(outputs, r[3] + k), d3))
        store(outputs, r[4] + k, plus(load(outputs, r[4] + k), d4))
        store(outputs, r[5] + k, plus(load(outputs, r[5] + k), d5))


@jit
def score_one(inputs, outputs, a, r, stride, scores):
    """Products of a single input row with GROUP output rows."""
    s0, s1, s2, s3, s4, s5 = zero(), zero(), zero(), zero(), zero(), zero()
    for k in range(0, stride, WIDTH):
        x = load(inputs, a + k)
        s0 = times_plus(x, load(outputs, r[0] + k), s0)
        s1 = times_plus(x, load(outputs, r[1] + k), s1)
        s2 = times_plus(x, load(outputs, r[2] + k), s2)
        s3 = times_plus(x, load(outputs, r[3] + k), s3)
        s4 = times_plus(x, load(outputs, r[4] + k), s4)
        s5 = times_plus(x, load(outputs, r[5] + k), s5)
    store_totals(scores, 0, s0, s1, s2, s3, s4, s5)


@jit
def step_one(inputs, outputs, a, r, stride, errors):
    """Move a single row of the first table and those of the second, as `step` does."""
    e0, e1, e2 = broadcast(errors[0]), broadcast(errors[1]), broadcast(errors[2])
    e3, e4, e5 = broadcast(errors[3]), broadcast(errors[4]), broadcast(errors[5])
    for k in range(0, stride, WIDTH):
        x = load(inputs, a + k)
        y = times_plus(e0, load(outputs, r[0] + k), x)
        y = times_plus(e1, load(outputs, r[1] + k), y)
        y = times_plus(e2, load(outputs, r[2] + k), y)
        y = times_plus(e3, load(outputs, r[3] + k), y)
        y = times_plus(e4, load(outputs, r[4] + k), y)
        y = times_plus(e5, load(outputs, r[5] + k), y)
        store(inputs, a + k, y)
        store(outputs, r[0] + k, times_plus(e0, x, load(outputs, r[0] + k)))
        store(outputs, r[1] + k, times_plus(e1, x, load(outputs, r[1] + k)))
        store(outputs, r[2] + k, times_plus(e2, x, load(outputs, r[2] + k)))
        store(outputs, r[3] + k, times_plus(e3, x, load(outputs, r[3] + k)))
        store(outputs, r[4] + k, times_plus(e4, x, load(outputs, r[4] + k)))
        store(outputs, r[5] + k, times_plus(e5, x, load(outputs, r[5] + k)))


@jit
def to_errors(count, true, rows, masks, rates, scores):
    """Turn the scores of `count` vectors with GROUP rows, the first `true` of `rows` being true ones, into errors.

    Args:
        masks: For each number n of rows up to GROUP, WIDEST numbers: ones in n places of each SCORES, else zeros.
        rates: Learning rate of each score.
        scores: Changed; those of rows that are not there become zero.
    """
    wanted, real = load(masks, true * WIDEST), load(masks, rows * WIDEST)
    for at in range(0, count * SCORES, WIDTH):
        rate = times(real, load(rates, at))
        store(scores, at, times(minus(wanted, sigmoid(load(scores, at))), rate))


@jit
def score_alone(inputs, outputs, a, b, stride):
    """Product of one row of each table."""
    product = zero()
    for k in range(0, stride, WIDTH):
        product = times_plus(load(inputs, a + k), load(outputs, b + k), product)
    return total(product)


@jit
def step_alone(inputs, outputs, a, b, stride, error):
    """Move one row of each table, as `step` does."""
    rate = broadcast(error)
    for k in range(0, stride, WIDTH):
        x, w = load(inputs, a + k), load(outputs, b + k)
        store(inputs, a + k, times_plus(rate, w, x))
        store(outputs, b + k, times_plus(rate, x, w))


@inlined
def loss_of(table, score):
    """-log(sigmoid(score)), by a table over [-LARGEST_SCORE, LARGEST_SCORE)."""
    if score <= np.float32(-LARGEST_SCORE):
        return -score
    scaled = (score + np.float32(LARGEST_SCORE)) * np.float32(len(table) / np.float32(2 * LARGEST_SCORE))
    return table[np.int64(min(scaled, np.float32(len(table) - 1)))]


@jit
def add_losses(count, true, rows, losses, scores, loss):
    """Add up the losses of GROUP rows, of which the first `true` of `rows` are true ones."""
    for c in range(count):
        for k in range(rows):
            score = scores[c * SCORES + k]
            loss[0] += loss_of(losses, score if k < true else -score)


@jit
def add_random_losses(count, losses, alpha, rates, scores, loss):
    """Add up the losses of GROUP negative samples, weighted as their learning rates are."""
    for c in range(count):
        for k in range(GROUP):
            at = c * SCORES + k
            loss[0] += rates[at] / alpha * loss_of(losses, -scores[at])


@inlined
def _moved(means, at, copy, k):
    return minus(load(means, at + k), load(means, copy + k))


@jit
def mean_of(inputs, rows, first, last, stride, means, at, copy):
    """The mean of the rows named from `first` to `last`, written twice: to be moved, and to be kept.

    Eight vectors at a time, then four; where a row has no more, its last one is repeated with the same result.
    """
    share, end = broadcast(_ONE / np.float32(last - first)), stride - WIDTH
    k = 0
    while stride - k > 4 * WIDTH:
        k4, k5 = min(k + 4 * WIDTH, end), min(k + 5 * WIDTH, end)
        k6, k7 = min(k + 6 * WIDTH, end), min(k + 7 * WIDTH, end)
        s0, s1, s2, s3, s4, s5, s6, s7 = zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero()
        for c in range(first, last):
            row = np.int64(rows[c]) * stride
            s0, s1 = plus(s0, load(inputs, row + k)), plus(s1, load(inputs, row + k + WIDTH))
            s2, s3 = plus(s2, load(inputs, row + k + 2 * WIDTH)), plus(s3, load(inputs, row + k + 3 * WIDTH))
            s4, s5 = plus(s4, load(inputs, row + k4)), plus(s5, load(inputs, row + k5))
            s6, s7 = plus(s6, load(inputs, row + k6)), plus(s7, load(inputs, row + k7))
        _store_twice(means, at, copy, k, times(s0, share))
        _store_twice(means, at, copy, k + WIDTH, times(s1, share))
        _store_twice(means, at, copy, k + 2 * WIDTH, times(s2, share))
        _store_twice(means, at, copy, k + 3 * WIDTH, times(s3, share))
        _store_twice(means, at, copy, k4, times(s4, share))
        _store_twice(means, at, copy, k5, times(s5, share))
        _store_twice(means, at, copy, k6, times(s6, share))
        _store_twice(means, at, copy, k7, times(s7, share))
        k += 8 * WIDTH
    if k < stride:
        k1, k2, k3 = min(k + WIDTH, end), min(k + 2 * WIDTH, end), min(k + 3 * WIDTH, end)
        s0, s1, s2, s3 = zero(), zero(), zero(), zero()
        for c in range(first, last):
            row = np.int64(rows[c]) * stride
            s0, s1 = plus(s0, load(inputs, row + k)), plus(s1, load(inputs, row + k1))
            s2, s3 = plus(s2, load(inputs, row + k2)), plus(s3, load(inputs, row + k3))
        _store_twice(means, at, copy, k, times(s0, share))
        _store_twice(means, at, copy, k1, times(s1, share))
        _store_twice(means, at, copy, k2, times(s2, share))
        _store_twice(means, at, copy, k3, times(s3, share))


@inlined
def _store_twice(means, at, copy, k, value):
    store(means, at + k, value)
    store(means, copy + k, value)


@jit
def move_by_mean(inputs, rows, first, last, stride, means, at, copy):
    """Move those rows by as much as their mean was moved from its copy."""
    end = stride - WIDTH
    k = 0
    while stride - k > 4 * WIDTH:
        k4, k5 = min(k + 4 * WIDTH, end), min(k + 5 * WIDTH, end)
        k6, k7 = min(k + 6 * WIDTH, end), min(k + 7 * WIDTH, end)
        m0, m1 = _moved(means, at, copy, k), _moved(means, at, copy, k + WIDTH)
        m2, m3 = _moved(means, at, copy, k + 2 * WIDTH), _moved(means, at, copy, k + 3 * WIDTH)
        m4, m5 = _moved(means, at, copy, k4), _moved(means, at, copy, k5)
        m6, m7 = _moved(means, at, copy, k6), _moved(means, at, copy, k7)
        for c in range(first, last):
            row = np.int64(rows[c]) * stride
            # All are loaded before any is written, as the last may be there more than once.
            y0, y1 = plus(load(inputs, row + k), m0), plus(load(inputs, row + k + WIDTH), m1)
            y2, y3 = plus(load(inputs, row + k + 2 * WIDTH), m2), plus(load(inputs, row + k + 3 * WIDTH), m3)
            y4, y5 = plus(load(inputs, row + k4), m4), plus(load(inputs, row + k5), m5)
            y6, y7 = plus(load(inputs, row + k6), m6), plus(load(inputs, row + k7), m7)
            store(inputs, row + k, y0)
            store(inputs, row + k + WIDTH, y1)
            store(inputs, row + k + 2 * WIDTH, y2)
            store(inputs, row + k + 3 * WIDTH, y3)
            store(inputs, row + k4, y4)
            store(inputs, row + k5, y5)
            store(inputs, row + k6, y6)
            store(inputs, row + k7, y7)
        k += 8 * WIDTH
    if k < stride:
        k1, k2, k3 = min(k + WIDTH, end), min(k + 2 * WIDTH, end), min(k + 3 * WIDTH, end)
        m0, m1 = _moved(means, at, copy, k), _moved(means, at, copy, k1)
        m2, m3 = _moved(means, at, copy, k2), _moved(means, at, copy, k3)
        for c in range(first, last):
            row = np.int64(rows[c]) * stride
            y0, y1 = plus(load(inputs, row + k), m0), plus(load(inputs, row + k1), m1)
            y2, y3 = plus(load(inputs, row + k2), m2), plus(load(inputs, row + k3), m3)
            store(inputs, row + k, y0)
            store(inputs, row + k1, y1)
            store(inputs, row + k2, y2)
            store(inputs, row + k3, y3)
