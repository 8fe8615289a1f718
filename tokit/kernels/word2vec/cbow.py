"""Bag of words, and skip-gram with n-grams: a mean of rows is a vector that learns, one for each token.

TOGETHER tokens that follow each other share the random ones: first each mean is told its own true tokens, then all are
told from the random ones, and what each mean was moved by is passed on to its rows.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import ask_for, inlined, jit
from tokit.kernels.compiled.simd import WIDTH, load, minus, sigmoid, spread, store, times
from tokit.kernels.layout import CBOW, GROUP, SCORES, TOGETHER, WIDEST
from tokit.kernels.word2vec.sampling import bit_of, draw_pool, draw_window
from tokit.kernels.word2vec.updates import (
    SAMPLED,
    add_up,
    group_of,
    hear,
    hear_random,
    pass_on,
    score_alone,
    score_one,
    score_two,
    step,
    step_alone,
    step_one,
    surprise,
    to_errors,
)  # fmt: skip

# Tokens from the one that is learned to the one whose own rows are asked for.
_AHEAD = 2
_ONE = np.float32(1)


@jit
def _learn_true(means, outputs, at, told, stride, constants, rates, scores, loss):
    """Tell one vector, of `means` at an offset, true tokens only: their array, the first, how many; GROUP are read."""
    rows, start, true = told
    masks, losses = constants
    for first in range(0, true, GROUP):
        r = group_of(rows, start + first, stride)
        here = min(true - first, GROUP)
        score_one(means, outputs, at, r, stride, scores)
        if len(loss):
            hear(1, here, here, losses, scores, loss)
        to_errors(1, here, here, masks, rates, scores)
        step_one(means, outputs, at, r, stride, scores)


@jit
def _learn_targets(means, outputs, kept, start, count, stride, constants, rates, scores, loss):
    """Tell each vector its own true token."""
    for c in range(count):
        scores[c] = score_alone(means, outputs, c * stride, kept[start + c] * stride, stride)
    if len(loss):
        for c in range(count):
            loss[0] += surprise(constants[1], scores[c])
    for at in range(0, count, WIDTH):
        store(scores, at, times(minus(spread(_ONE), sigmoid(load(scores, at))), load(rates, 0)))
    for c in range(count):
        step_alone(means, outputs, c * stride, kept[start + c] * stride, stride, scores[c])


@jit
def _learn_group(means, outputs, vectors, count, named, stride, alpha, constants, rates, scores, loss):
    """Tell some vectors from GROUP random tokens, at rates of their own."""
    rows, first = named
    masks, losses = constants
    r = group_of(rows, first, stride)
    for c in range(0, count, 2):
        score_two(means, outputs, c * stride, (c + 1) * stride, r, stride, scores, c * SCORES)
    if len(loss):
        hear_random(count, losses, alpha, rates, scores, loss)
    to_errors(count, 0, GROUP, masks, rates, scores)
    step(means, outputs, vectors, 0, count, r, stride, scores)


@inlined
def _own_rows(token, own):
    ends, _ = own
    return ends[token - 1] if token else np.int64(0), ends[token]


@inlined
def _ask_for_own(token, own, inputs, stride):
    first, last = _own_rows(token, own)
    for k in range(first, last):
        ask_for(inputs, np.int64(own[1][k]), stride)


@inlined
def _trues(way, first, last):
    """How many true tokens a vector has: its own, or all its neighbors."""
    return 1 if way == CBOW else last - first - 1


@jit
def _weigh_all(way, size, share, alpha, firsts, lasts, rates):
    """Rates of random tokens: each stands for as many as would be drawn against the true ones of a vector."""
    for c in range(size):
        store(rates, c * SCORES, spread(alpha * share * np.float32(_trues(way, firsts[c], lasts[c]))))


@jit
def _weigh_each(kept, start, way, size, share, alpha, firsts, lasts, rows, first, rates):
    """The same for a group of them that holds true tokens: none is drawn against itself."""
    for c in range(size):
        for k in range(GROUP):
            token = rows[first + k]
            others = _trues(way, firsts[c], lasts[c])
            if way == CBOW:
                others -= kept[start + c] == token
            else:
                for at in range(firsts[c], lasts[c]):
                    others -= at != start + c and kept[at] == token
            rates[c * SCORES + k] = alpha * share * np.float32(others)


@jit
def _ask_for_later(kept, here, count, window, way, own, inputs, outputs, stride):
    """The rows that will be wanted soon: those of a mean are many, the true ones one by one."""
    if way == CBOW:
        if here + TOGETHER < count:
            ask_for(outputs, kept[here + TOGETHER], stride)
        if here + TOGETHER + window < count:
            ask_for(inputs, kept[here + TOGETHER + window], stride)
        return
    if here + _AHEAD < count:
        _ask_for_own(kept[here + _AHEAD], own, inputs, stride)
    if here + _AHEAD + window < count:
        ask_for(outputs, kept[here + _AHEAD + window], stride)


@jit
def _begin_means(
    kept, start, size, count, way, own, inputs, outputs, stride, window, alpha, constants, scratch, state, loss
):  # fmt: skip
    """Means of some tokens that follow each other; each is told its true tokens."""
    _, scores, means, sizes, rates = scratch
    firsts, lasts, steady = sizes[:TOGETHER], sizes[TOGETHER : 2 * TOGETHER], rates[:WIDEST]
    copies = TOGETHER * stride
    for c in range(size):
        here, at = start + c, c * stride
        firsts[c], lasts[c] = draw_window(count, here, window, state)
        # The first neighbor takes the place of the token itself, so that all stand side by side.
        token, kept[here] = kept[here], kept[firsts[c]]
        if way == CBOW:
            add_up(inputs, kept, firsts[c] + 1, lasts[c], stride, means, at, copies + at)
        else:
            begin, end = _own_rows(token, own)
            add_up(inputs, own[1], begin, end, stride, means, at, copies + at)
            told = kept, firsts[c] + 1, lasts[c] - firsts[c] - 1
            _learn_true(means, outputs, at, told, stride, constants, steady, scores, loss)
        kept[here] = token
        _ask_for_later(kept, here, count, window, way, own, inputs, outputs, stride)
    if way == CBOW:
        _learn_targets(means, outputs, kept, start, size, stride, constants, steady, scores, loss)


@jit
def _end_means(kept, start, size, way, own, inputs, stride, scratch):
    """Move the rows by as much as their means were."""
    _, _, means, sizes, _ = scratch
    firsts, lasts = sizes[:TOGETHER], sizes[TOGETHER : 2 * TOGETHER]
    copies = TOGETHER * stride
    for c in range(size):
        here, at = start + c, c * stride
        if way == CBOW:
            token, kept[here] = kept[here], kept[firsts[c]]
            pass_on(inputs, kept, firsts[c] + 1, lasts[c], stride, means, at, copies + at)
            kept[here] = token
        else:
            begin, end = _own_rows(kept[here], own)
            pass_on(inputs, own[1], begin, end, stride, means, at, copies + at)


@jit
def learn_means(
    kept, count, way, own, inputs, outputs, stride, draws, settings, alpha, constants, scratch, state, loss
):  # fmt: skip
    """A document by means of rows, TOGETHER tokens at a time."""
    limits, others = draws
    window, negatives, groups = settings
    rows, scores, means, sizes, rates = scratch
    # Of each token of a step: the first neighbor and the one after the last, the number of its vector.
    firsts, lasts, vectors = sizes[:TOGETHER], sizes[TOGETHER : 2 * TOGETHER], sizes[2 * TOGETHER :]
    steady, pooled = rates[:WIDEST], rates[WIDEST:]
    store(steady, 0, spread(alpha))
    for c in range(TOGETHER):
        vectors[c] = c
    wanted, around = groups * GROUP, 0 if way == CBOW else window
    share = np.float32(negatives) / np.float32(wanted)
    now, later = 0, wanted
    coming = draw_pool(kept, 0, min(TOGETHER + around, count), wanted, state, limits, others, rows, now)
    for start in range(0, count, TOGETHER):
        shared, size, after = coming, min(TOGETHER, count - start), start + TOGETHER
        if after < count:
            first, last = max(after - around, 0), min(after + TOGETHER + around, count)
            coming = draw_pool(kept, first, last, wanted, state, limits, others, rows, later)
            for k in range(later, later + wanted):
                ask_for(outputs, rows[k], stride)
        heard = loss if start // TOGETHER % SAMPLED == 0 else loss[:0]
        _begin_means(
            kept, start, size, count, way, own, inputs, outputs, stride, window, alpha, constants, scratch, state, heard
        )  # fmt: skip
        _weigh_all(way, size, share, alpha, firsts, lasts, pooled)
        for group in range(groups):
            named = rows, now + group * GROUP
            if shared & bit_of(group):
                _weigh_each(kept, start, way, size, share, alpha, firsts, lasts, *named, pooled)
            _learn_group(means, outputs, vectors, size, named, stride, alpha, constants, pooled, scores, heard)
            if shared & bit_of(group):
                _weigh_all(way, size, share, alpha, firsts, lasts, pooled)
        _end_means(kept, start, size, way, own, inputs, stride, scratch)
        if len(heard):
            loss[1] += size
        now, later = later, now
