"""GloVe's step: two vectors are moved so that their product comes nearer to the logarithm of a co-occurrence.

Each number has a learning rate of its own, by AdaGrad, as in the reference's code: its gradient times the learning
rate, over the root of one plus the squares of those before. A pair is learned in both directions at once,
as its rows are in the cache then. Threads share the tables without locks (Niu et al. 2011, https://arxiv.org/abs/1106.5730).
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import f32, inlined, jit, number, prefetch_row, u32
from tokit.kernels.compiled.simd import WIDTH, broadcast, by_root, load, plus, store, times, times_plus, total, zero
from tokit.kernels.layout import BIASES, PARTS

# An error is taken for no more than this, as in the reference's code.
_LARGEST_ERROR = 100.0
# Pairs between asking for their rows and learning them.
_AHEAD = 2


@inlined
def _bounded(error):
    return min(max(error, np.float32(-_LARGEST_ERROR)), np.float32(_LARGEST_ERROR))


@inlined
def _move_bias(biases, at, step):
    biases[at] -= step / np.sqrt(biases[at + 2])
    biases[at + 2] += step * step


@inlined
def _move(table, a, b, k, squares, step):
    """Move numbers of a row at offset a and of one at b, each by the other as it was before."""
    x, y = load(table, a + k), load(table, b + k)
    u, v = load(table, a + k + squares), load(table, b + k + squares)
    dx, dy = times(step, y), times(step, x)
    store(table, a + k, plus(x, by_root(times(broadcast(np.float32(-1)), dx), u)))
    store(table, b + k, plus(y, by_root(times(broadcast(np.float32(-1)), dy), v)))
    store(table, a + k + squares, times_plus(dx, dx, u))
    store(table, b + k + squares, times_plus(dy, dy, v))


@jit
def _learn_direction(table, biases, token, neighbor, stride, target, weight, rate):
    """Learn one pair in one direction; its loss before it."""
    a, b = token * PARTS * stride, neighbor * PARTS * stride + stride
    first, second = zero(), zero()
    for k in range(0, stride, 2 * WIDTH):
        first = times_plus(load(table, a + k), load(table, b + k), first)
        if k + WIDTH < stride:
            second = times_plus(load(table, a + k + WIDTH), load(table, b + k + WIDTH), second)
    error = total(plus(first, second)) + biases[token * BIASES] + biases[neighbor * BIASES + 1] - target
    loss = np.float32(0.5) * weight * error * error
    step = _bounded(weight * error) * rate
    wide = broadcast(step)
    for k in range(0, stride, WIDTH):
        _move(table, a, b, k, 2 * stride, wide)
    _move_bias(biases, token * BIASES, step)
    _move_bias(biases, neighbor * BIASES + 1, step)
    return loss


@jit
def _learn_glove(pairs, numbers, table, biases, stride, rate, loss):
    loss_sum, count = 0.0, len(pairs) // 2
    length = PARTS * stride
    for e in range(count):
        if e + _AHEAD < count:
            prefetch_row(table, np.int64(pairs[2 * (e + _AHEAD)]), length)
            prefetch_row(table, np.int64(pairs[2 * (e + _AHEAD) + 1]), length)
        i, j = np.int64(pairs[2 * e]), np.int64(pairs[2 * e + 1])
        target, weight = numbers[2 * e], numbers[2 * e + 1]
        loss_sum += _learn_direction(table, biases, i, j, stride, target, weight, rate)
        if i != j:
            loss_sum += _learn_direction(table, biases, j, i, stride, target, weight, rate)
    loss[0] = np.float32(loss_sum)
    return 0


def learn_glove(a):
    """Learn some pairs, one after the other, in both directions.

    Args:
        a: Address of these: pairs of rows (uint32); the logarithm and the weight of each pair (float32); the table
            (float32, PARTS vectors a row); biases (float32, BIASES a row); numbers from vector to vector, a multiple
            of 16; the learning rate (float32, one number); room for the loss (float32, one number).

    Returns:
        Zero.
    """
    return _learn_glove(u32(a, 0), f32(a, 1), f32(a, 2), f32(a, 3), number(a, 4), f32(a, 5)[0], f32(a, 6))
