"""CBOW and fastText's skip-gram: the input vector of a token is a mean of rows.

TOGETHER consecutive tokens share their negative samples: first each mean is trained on its own true tokens, then all on
the negative samples, and the change of each mean is passed on to its rows.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import inlined, jit, prefetch_row
from tokit.kernels.compiled.simd import WIDTH, broadcast, load, minus, sigmoid, store, times
from tokit.kernels.layout import CBOW, GROUP, SCORES, TOGETHER, WIDEST
from tokit.kernels.word2vec.sampling import bit_of, draw_shared, draw_window
from tokit.kernels.word2vec.updates import (
    SAMPLED,
    add_losses,
    add_random_losses,
    group_of,
    loss_of,
    mean_of,
    move_by_mean,
    score_alone,
    score_one,
    score_two,
    step,
    step_alone,
    step_one,
    to_errors,
)  # fmt: skip

# Tokens between the one that is trained on and the one whose own rows are prefetched.
_AHEAD = 2
_ONE = np.float32(1)


@jit
def _learn_true(means, outputs, at, targets, stride, constants, rates, scores, loss):
    """Train one vector of `means` on true tokens: their array, the first, their number; GROUP of them are read."""
    rows, start, true = targets
    masks, losses = constants
    for first in range(0, true, GROUP):
        r = group_of(rows, start + first, stride)
        here = min(true - first, GROUP)
        score_one(means, outputs, at, r, stride, scores)
        if len(loss):
            add_losses(1, here, here, losses, scores, loss)
        to_errors(1, here, here, masks, rates, scores)
        step_one(means, outputs, at, r, stride, scores)


@jit
def _learn_targets(means, outputs, tokens, start, count, stride, constants, rates, scores, loss):
    """Train each vector on its own true token."""
    for c in range(count):
        scores[c] = score_alone(means, outputs, c * stride, tokens[start + c] * stride, stride)
    if len(loss):
        for c in range(count):
            loss[0] += loss_of(constants[1], scores[c])
    for at in range(0, count, WIDTH):
        store(scores, at, times(minus(broadcast(_ONE), sigmoid(load(scores, at))), load(rates, 0)))
    for c in range(count):
        step_alone(means, outputs, c * stride, tokens[start + c] * stride, stride, scores[c])


@jit
def _learn_group(means, outputs, vectors, count, named, stride, alpha, constants, rates, scores, loss):
    """Train some vectors on GROUP negative samples, at learning rates of their own."""
    rows, first = named
    masks, losses = constants
    r = group_of(rows, first, stride)
    for c in range(0, count, 2):
        score_two(means, outputs, c * stride, (c + 1) * stride, r, stride, scores, c * SCORES)
    if len(loss):
        add_random_losses(count, losses, alpha, rates, scores, loss)
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
        prefetch_row(inputs, np.int64(own[1][k]), stride)


@inlined
def _trues(way, first, last):
    """The number of true tokens of a vector: its own token, or all its neighbors."""
    return 1 if way == CBOW else last - first - 1


@jit
def _weigh_all(way, size, share, alpha, firsts, lasts, rates):
    """Set the rates of negative samples: each stands for as many as would be drawn for a vector's true tokens."""
    for c in range(size):
        store(rates, c * SCORES, broadcast(alpha * share * np.float32(_trues(way, firsts[c], lasts[c]))))


@jit
def _weigh_each(tokens, start, way, size, share, alpha, firsts, lasts, rows, first, rates):
    """Set the rates for a group of samples that holds true tokens: none is a negative sample of itself."""
    for c in range(size):
        for k in range(GROUP):
            token = rows[first + k]
            drawn = _trues(way, firsts[c], lasts[c])
            if way == CBOW:
                drawn -= tokens[start + c] == token
            else:
                for at in range(firsts[c], lasts[c]):
                    drawn -= at != start + c and tokens[at] == token
            rates[c * SCORES + k] = alpha * share * np.float32(drawn)


@jit
def _ask_for_later(tokens, here, count, window, way, own, inputs, outputs, stride):
    """Prefetch the rows that are needed soon: the many of a mean, the true ones one by one."""
    if way == CBOW:
        if here + TOGETHER < count:
            prefetch_row(outputs, tokens[here + TOGETHER], stride)
        if here + TOGETHER + window < count:
            prefetch_row(inputs, tokens[here + TOGETHER + window], stride)
        return
    if here + _AHEAD < count:
        _ask_for_own(tokens[here + _AHEAD], own, inputs, stride)
    if here + _AHEAD + window < count:
        prefetch_row(outputs, tokens[here + _AHEAD + window], stride)


@jit
def _begin_means(
    tokens, start, size, count, way, own, inputs, outputs, stride, window, alpha, constants, scratch, state, loss
):  # fmt: skip
    """Compute the means of some consecutive tokens, and train each on its true tokens."""
    _, scores, means, sizes, rates = scratch
    firsts, lasts, steady = sizes[:TOGETHER], sizes[TOGETHER : 2 * TOGETHER], rates[:WIDEST]
    copies = TOGETHER * stride
    for c in range(size):
        here, at = start + c, c * stride
        firsts[c], lasts[c] = draw_window(count, here, window, state)
        # The first neighbor takes the place of the token itself, so that all neighbors are adjacent.
        token, tokens[here] = tokens[here], tokens[firsts[c]]
        if way == CBOW:
            mean_of(inputs, tokens, firsts[c] + 1, lasts[c], stride, means, at, copies + at)
        else:
            begin, end = _own_rows(token, own)
            mean_of(inputs, own[1], begin, end, stride, means, at, copies + at)
            targets = tokens, firsts[c] + 1, lasts[c] - firsts[c] - 1
            _learn_true(means, outputs, at, targets, stride, constants, steady, scores, loss)
        tokens[here] = token
        _ask_for_later(tokens, here, count, window, way, own, inputs, outputs, stride)
    if way == CBOW:
        _learn_targets(means, outputs, tokens, start, size, stride, constants, steady, scores, loss)


@jit
def _end_means(tokens, start, size, way, own, inputs, stride, scratch):
    """Move the rows by as much as their means were."""
    _, _, means, sizes, _ = scratch
    firsts, lasts = sizes[:TOGETHER], sizes[TOGETHER : 2 * TOGETHER]
    copies = TOGETHER * stride
    for c in range(size):
        here, at = start + c, c * stride
        if way == CBOW:
            token, tokens[here] = tokens[here], tokens[firsts[c]]
            move_by_mean(inputs, tokens, firsts[c] + 1, lasts[c], stride, means, at, copies + at)
            tokens[here] = token
        else:
            begin, end = _own_rows(tokens[here], own)
            move_by_mean(inputs, own[1], begin, end, stride, means, at, copies + at)


@jit
def learn_means(
    tokens, count, way, own, inputs, outputs, stride, draws, settings, alpha, constants, scratch, state, loss
):  # fmt: skip
    """Train on a document by means of rows, TOGETHER tokens at a time."""
    limits, aliases = draws
    window, negatives, groups = settings
    rows, scores, means, sizes, rates = scratch
    # Of each token of a step: the first neighbor, the one after the last, and the number of its vector.
    firsts, lasts, vectors = sizes[:TOGETHER], sizes[TOGETHER : 2 * TOGETHER], sizes[2 * TOGETHER :]
    steady, pooled = rates[:WIDEST], rates[WIDEST:]
    store(steady, 0, broadcast(alpha))
    for c in range(TOGETHER):
        vectors[c] = c
    wanted, around = groups * GROUP, 0 if way == CBOW else window
    share = np.float32(negatives) / np.float32(wanted)
    now, later = 0, wanted
    coming = draw_shared(tokens, 0, min(TOGETHER + around, count), wanted, state, limits, aliases, rows, now)
    for start in range(0, count, TOGETHER):
        shared, size, after = coming, min(TOGETHER, count - start), start + TOGETHER
        if after < count:
            first, last = max(after - around, 0), min(after + TOGETHER + around, count)
            coming = draw_shared(tokens, first, last, wanted, state, limits, aliases, rows, later)
            for k in range(later, later + wanted):
                prefetch_row(outputs, rows[k], stride)
        sampled_loss = loss if start // TOGETHER % SAMPLED == 0 else loss[:0]
        _begin_means(
            tokens, start, size, count, way, own, inputs, outputs, stride, window, alpha, constants, scratch, state,
            sampled_loss,
        )  # fmt: skip
        _weigh_all(way, size, share, alpha, firsts, lasts, pooled)
        for group in range(groups):
            named = rows, now + group * GROUP
            if shared & bit_of(group):
                _weigh_each(tokens, start, way, size, share, alpha, firsts, lasts, *named, pooled)
            _learn_group(means, outputs, vectors, size, named, stride, alpha, constants, pooled, scores, sampled_loss)
            if shared & bit_of(group):
                _weigh_all(way, size, share, alpha, firsts, lasts, pooled)
        _end_means(tokens, start, size, way, own, inputs, stride, scratch)
        if len(sampled_loss):
            loss[1] += size
        now, later = later, now
