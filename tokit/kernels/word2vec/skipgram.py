"""Skip-gram: each neighbor of a token is a vector that tells the token from random ones.

The token's row and those of the random ones are the same for all of its neighbors, so that they stay in the nearest
cache.
"""

from __future__ import annotations

from tokit.kernels.compiled.intrinsics import ask_for, jit
from tokit.kernels.compiled.simd import WIDTH, spread, store
from tokit.kernels.layout import GROUP, SCORES
from tokit.kernels.word2vec.sampling import draw_others, draw_window
from tokit.kernels.word2vec.updates import SAMPLED, group_of, hear, score_two, step, to_errors


@jit
def _learn(inputs, outputs, near, told, stride, constants, rates, scores, loss):
    """Tell a true token from random ones by rows of the first table.

    Args:
        inputs: The first table.
        outputs: Table of the token and the random ones.
        near: Names of the rows that learn: the array, the place of the first, how many; one more may be looked at.
        told: Names of rows of the second table, the true one first; the place of the first; how many there are, how
            many times GROUP they fill.
        stride: Numbers from row to row.
        constants: Masks and losses.
        rates: Learning rate, everywhere.
        scores: Scratch.
        loss: Where the loss is added up, or empty.
    """
    named, start, count = near
    rows, first, real, groups = told
    masks, losses = constants
    for group in range(groups):
        r = group_of(rows, first + group * GROUP, stride)
        true, here = 1 if group == 0 else 0, min(max(real - group * GROUP, 0), GROUP)
        # Rows are taken in twos.
        for c in range(0, count, 2):
            a, b = named[start + c] * stride, named[start + c + 1] * stride
            score_two(inputs, outputs, a, b, r, stride, scores, c * SCORES)
        if len(loss):
            hear(count, true, here, losses, scores, loss)
        to_errors(count, true, here, masks, rates, scores)
        step(inputs, outputs, named, start, count, r, stride, scores)


@jit
def learn_neighbors(kept, count, inputs, outputs, stride, draws, settings, alpha, constants, scratch, state, loss):
    """A document by each neighbor of its tokens."""
    limits, others = draws
    window, negatives, groups = settings
    rows, scores, _, _, rates = scratch
    for at in range(0, len(rates), WIDTH):
        store(rates, at, spread(alpha))
    now, later = 0, groups * GROUP
    coming = draw_others(kept[0], negatives, state, limits, others, rows, now, groups)
    for here in range(count):
        first, last = draw_window(count, here, window, state)
        real = coming
        if here + 1 < count:
            # The rows of the next token are on their way while this one is learned.
            coming = draw_others(kept[here + 1], negatives, state, limits, others, rows, later, groups)
            for k in range(coming):
                ask_for(outputs, rows[later + k], stride)
        if here + window < count:
            ask_for(inputs, kept[here + window], stride)
        heard = loss if here % SAMPLED == 0 else loss[:0]
        told = rows, now, real, groups
        # The first neighbor takes the place of the token itself, so that all stand side by side.
        token, kept[here] = kept[here], kept[first]
        near = kept, first + 1, last - first - 1
        _learn(inputs, outputs, near, told, stride, constants, rates, scores, heard)
        kept[here] = token
        if len(heard):
            loss[1] += 1
        now, later = later, now
