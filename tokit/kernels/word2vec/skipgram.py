"""Skip-gram with negative sampling: each neighbor of a token is an input vector.

The token's row and those of its negative samples are the same for all of its neighbors, so they stay in the nearest
cache.
"""

from __future__ import annotations

from tokit.kernels.compiled.intrinsics import jit, prefetch_row
from tokit.kernels.compiled.simd import WIDTH, broadcast, store
from tokit.kernels.layout import GROUP, SCORES
from tokit.kernels.word2vec.sampling import draw_negatives, draw_window
from tokit.kernels.word2vec.updates import SAMPLED, add_losses, group_of, score_two, step, to_errors


@jit
def _learn(inputs, outputs, context, targets, stride, constants, rates, scores, loss):
    """Train rows of the input table on a true token and its negative samples.

    Args:
        inputs: The input table.
        outputs: The output table.
        context: Input rows: the array of their numbers, the place of the first, their number; one more may be read.
        targets: Output rows, the true one first: the array of their numbers, the place of the first, their number, and
            the groups of GROUP that they fill.
        stride: Numbers from one row to the next.
        constants: Masks and losses.
        rates: Learning rate, everywhere.
        scores: Scratch.
        loss: The sum of losses, or empty.
    """
    named, start, count = context
    rows, first, real, groups = targets
    masks, losses = constants
    for group in range(groups):
        r = group_of(rows, first + group * GROUP, stride)
        true, here = 1 if group == 0 else 0, min(max(real - group * GROUP, 0), GROUP)
        # Rows are taken in twos.
        for c in range(0, count, 2):
            a, b = named[start + c] * stride, named[start + c + 1] * stride
            score_two(inputs, outputs, a, b, r, stride, scores, c * SCORES)
        if len(loss):
            add_losses(count, true, here, losses, scores, loss)
        to_errors(count, true, here, masks, rates, scores)
        step(inputs, outputs, named, start, count, r, stride, scores)


@jit
def learn_neighbors(tokens, count, inputs, outputs, stride, draws, settings, alpha, constants, scratch, state, loss):
    """Train on a document by each neighbor of its tokens."""
    limits, aliases = draws
    window, negatives, groups = settings
    rows, scores, _, _, rates = scratch
    for at in range(0, len(rates), WIDTH):
        store(rates, at, broadcast(alpha))
    now, later = 0, groups * GROUP
    coming = draw_negatives(tokens[0], negatives, state, limits, aliases, rows, now, groups)
    for here in range(count):
        first, last = draw_window(count, here, window, state)
        real = coming
        if here + 1 < count:
            # The rows of the next token are prefetched while this one is trained on.
            coming = draw_negatives(tokens[here + 1], negatives, state, limits, aliases, rows, later, groups)
            for k in range(coming):
                prefetch_row(outputs, rows[later + k], stride)
        if here + window < count:
            prefetch_row(inputs, tokens[here + window], stride)
        sampled_loss = loss if here % SAMPLED == 0 else loss[:0]
        targets = rows, now, real, groups
        # The first neighbor takes the place of the token itself, so that all neighbors are adjacent.
        token, tokens[here] = tokens[here], tokens[first]
        context = tokens, first + 1, last - first - 1
        _learn(inputs, outputs, context, targets, stride, constants, rates, scores, sampled_loss)
        tokens[here] = token
        if len(sampled_loss):
            loss[1] += 1
        now, later = later, now
