"""Skip-gram, bag of words and skip-gram with n-grams, with negative sampling: a few products of small matrices a token.

A token is told from the same few random tokens for all of its neighbours at once (Ji et al. 2016,
https://arxiv.org/abs/1604.04661): all rows involved stay in the nearest cache, and each number that is loaded is used
several times. Neighbours are the rows of one table, the token and the random ones rows of the other. Threads share the
tables without locks (Niu et al. 2011, https://arxiv.org/abs/1106.5730).

Where a mean learns - of the neighbours, or of a token's own rows - there is but one vector a token. There, TOGETHER
tokens that follow each other share the random ones: first each mean is told its own true rows, then all are told from
the random ones, and what each mean was moved by is passed on to its rows.

Both tables have one row more than there are tokens, of zeros, which stands where a row is wanted and there is none.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.memory import f32, i64, inlined, jit, number, prefetch, u32, u64
from tokit.kernels.rows import (
    GROUP,
    SCORES,
    WIDEST,
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
from tokit.kernels.vectors import WIDTH, load, minus, sigmoid, spread, store, times

# The loss is summed up for one token, or some that follow each other, in so many.
SAMPLED = 16
# What is learned from: each neighbour, their mean, or the mean of a token's own rows.
EACH, BAG, NGRAMS = 0, 1, 2
# Means that are told from the same random tokens; it is even.
TOGETHER = 8
# Tokens from the one that is learned to the one whose own rows are asked for.
_AHEAD = 2
_ALWAYS = np.uint32(0xFFFFFFFF)
# Groups of random tokens that have a bit each; all behind share the last.
_LAST_BIT = 62
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_STEP, _MIX_1, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_ONE = np.float32(1)


@inlined
def _random(state):
    """The next 64 random bits: splitmix64, whose state is a counter. https://doi.org/10.1145/2660193.2660195"""
    state[0] += _STEP
    x = state[0]
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))


@inlined
def _random_below(state, limit):
    return np.int64(((_random(state) >> _HALF) * np.uint64(limit)) >> _HALF)


@jit
def _keep_some(ids, start, end, keep, state, kept):
    """Copy tokens, of which frequent ones are left out at random; how many are left."""
    count = 0
    for k in range(start, end):
        token = np.int64(ids[k])
        if keep[token] == _ALWAYS or np.uint32(_random(state) >> _HALF) < keep[token]:
            kept[count] = token
            count += 1
    return count


@inlined
def _draw_one(state, limits, others):
    """A random token by Walker's alias method: one drawn evenly stands below its limit, else the other of its place."""
    bits = _random(state)
    token = ((bits >> _HALF) * np.uint64(len(limits))) >> _HALF
    if np.uint32(bits & _LOW) >= limits[token]:
        token = np.uint64(others[token])
    return np.int64(token)


@jit
def _draw(target, negatives, state, limits, others, rows, first, groups):
    """Rows of a token and of random ones that are not it, and of zeros where there is none; how many are real."""
    rows[first] = target
    count = 1
    for _ in range(negatives):
        token = _draw_one(state, limits, others)
        if token != target:
            rows[first + count] = token
            count += 1
    for k in range(count, groups * GROUP):
        rows[first + k] = len(limits)
    return count


# Numbers in a line of the processor's cache.
_LINE = 16


@inlined
def _ask_for(table, row, stride):
    for k in range(0, stride, _LINE):
        prefetch(table, row * stride + k)


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
def _within(count, here, reach):
    return max(0, here - reach), min(count, here + reach + 1)


@jit
def _learn_document(kept, count, inputs, outputs, stride, draws, settings, alpha, constants, scratch, state, loss):
    """A document by each neighbour of its tokens."""
    limits, others = draws
    window, negatives, groups = settings
    rows, scores, _, _, rates = scratch
    for at in range(0, len(rates), WIDTH):
        store(rates, at, spread(alpha))
    now, later = 0, groups * GROUP
    coming = _draw(kept[0], negatives, state, limits, others, rows, now, groups)
    for here in range(count):
        reach = _random_below(state, window) + 1
        real = coming
        if here + 1 < count:
            # The rows of the next token are on their way while this one is learned.
            coming = _draw(kept[here + 1], negatives, state, limits, others, rows, later, groups)
            for k in range(coming):
                _ask_for(outputs, rows[later + k], stride)
        if here + window < count:
            _ask_for(inputs, kept[here + window], stride)
        first, last = _within(count, here, reach)
        heard = loss if here % SAMPLED == 0 else loss[:0]
        told = rows, now, real, groups
        # The first neighbour takes the place of the token itself, so that all stand side by side.
        token, kept[here] = kept[here], kept[first]
        near = kept, first + 1, last - first - 1
        _learn(inputs, outputs, near, told, stride, constants, rates, scores, heard)
        kept[here] = token
        if len(heard):
            loss[1] += 1
        now, later = later, now


@inlined
def _own_rows(token, own):
    ends, _ = own
    return ends[token - 1] if token else np.int64(0), ends[token]


@inlined
def _ask_for_own(token, own, inputs, stride):
    first, last = _own_rows(token, own)
    for k in range(first, last):
        _ask_for(inputs, np.int64(own[1][k]), stride)


@jit
def _draw_pool(kept, start, end, wanted, state, limits, others, rows, first):
    """Random tokens; a bit for each group of them that holds one of `kept[start:end]`."""
    shared = 0
    for k in range(wanted):
        token = _draw_one(state, limits, others)
        rows[first + k] = token
        for at in range(start, end):
            if kept[at] == token:
                shared |= _bit_of(k // GROUP)
                break
    return shared


@inlined
def _bit_of(group):
    return 1 << min(group, _LAST_BIT)


@inlined
def _trues(way, first, last):
    """How many true tokens a vector has: its own, or all its neighbours."""
    return 1 if way == BAG else last - first - 1


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
            if way == BAG:
                others -= kept[start + c] == token
            else:
                for at in range(firsts[c], lasts[c]):
                    others -= at != start + c and kept[at] == token
            rates[c * SCORES + k] = alpha * share * np.float32(others)


@jit
def _ask_for_later(kept, here, count, window, way, own, inputs, outputs, stride):
    """The rows that will be wanted soon: those of a mean are many, the true ones one by one."""
    if way == BAG:
        if here + TOGETHER < count:
            _ask_for(outputs, kept[here + TOGETHER], stride)
        if here + TOGETHER + window < count:
            _ask_for(inputs, kept[here + TOGETHER + window], stride)
        return
    if here + _AHEAD < count:
        _ask_for_own(kept[here + _AHEAD], own, inputs, stride)
    if here + _AHEAD + window < count:
        _ask_for(outputs, kept[here + _AHEAD + window], stride)


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
        firsts[c], lasts[c] = _within(count, here, _random_below(state, window) + 1)
        # The first neighbour takes the place of the token itself, so that all stand side by side.
        token, kept[here] = kept[here], kept[firsts[c]]
        if way == BAG:
            add_up(inputs, kept, firsts[c] + 1, lasts[c], stride, means, at, copies + at)
        else:
            begin, end = _own_rows(token, own)
            add_up(inputs, own[1], begin, end, stride, means, at, copies + at)
            told = kept, firsts[c] + 1, lasts[c] - firsts[c] - 1
            _learn_true(means, outputs, at, told, stride, constants, steady, scores, loss)
        kept[here] = token
        _ask_for_later(kept, here, count, window, way, own, inputs, outputs, stride)
    if way == BAG:
        _learn_targets(means, outputs, kept, start, size, stride, constants, steady, scores, loss)


@jit
def _end_means(kept, start, size, way, own, inputs, stride, scratch):
    """Move the rows by as much as their means were."""
    _, _, means, sizes, _ = scratch
    firsts, lasts = sizes[:TOGETHER], sizes[TOGETHER : 2 * TOGETHER]
    copies = TOGETHER * stride
    for c in range(size):
        here, at = start + c, c * stride
        if way == BAG:
            token, kept[here] = kept[here], kept[firsts[c]]
            pass_on(inputs, kept, firsts[c] + 1, lasts[c], stride, means, at, copies + at)
            kept[here] = token
        else:
            begin, end = _own_rows(kept[here], own)
            pass_on(inputs, own[1], begin, end, stride, means, at, copies + at)


@jit
def _learn_together(
    kept, count, way, own, inputs, outputs, stride, draws, settings, alpha, constants, scratch, state, loss
):  # fmt: skip
    """A document by means of rows, TOGETHER tokens at a time."""
    limits, others = draws
    window, negatives, groups = settings
    rows, scores, means, sizes, rates = scratch
    # Of each token of a step: the first neighbour and the one after the last, the number of its vector.
    firsts, lasts, vectors = sizes[:TOGETHER], sizes[TOGETHER : 2 * TOGETHER], sizes[2 * TOGETHER :]
    steady, pooled = rates[:WIDEST], rates[WIDEST:]
    store(steady, 0, spread(alpha))
    for c in range(TOGETHER):
        vectors[c] = c
    wanted, around = groups * GROUP, 0 if way == BAG else window
    share = np.float32(negatives) / np.float32(wanted)
    now, later = 0, wanted
    coming = _draw_pool(kept, 0, min(TOGETHER + around, count), wanted, state, limits, others, rows, now)
    for start in range(0, count, TOGETHER):
        shared, size, after = coming, min(TOGETHER, count - start), start + TOGETHER
        if after < count:
            first, last = max(after - around, 0), min(after + TOGETHER + around, count)
            coming = _draw_pool(kept, first, last, wanted, state, limits, others, rows, later)
            for k in range(later, later + wanted):
                _ask_for(outputs, rows[k], stride)
        heard = loss if start // TOGETHER % SAMPLED == 0 else loss[:0]
        _begin_means(
            kept, start, size, count, way, own, inputs, outputs, stride, window, alpha, constants, scratch, state, heard
        )  # fmt: skip
        _weigh_all(way, size, share, alpha, firsts, lasts, pooled)
        for group in range(groups):
            named = rows, now + group * GROUP
            if shared & _bit_of(group):
                _weigh_each(kept, start, way, size, share, alpha, firsts, lasts, *named, pooled)
            _learn_group(means, outputs, vectors, size, named, stride, alpha, constants, pooled, scores, heard)
            if shared & _bit_of(group):
                _weigh_all(way, size, share, alpha, firsts, lasts, pooled)
        _end_means(kept, start, size, way, own, inputs, stride, scratch)
        if len(heard):
            loss[1] += size
        now, later = later, now


@jit
def _learn_windows(
    ids, ends, way, own, inputs, outputs, stride, keep, draws, settings, alpha, constants, scratch, state, loss
):  # fmt: skip
    kept = scratch[0]
    trained = 0
    start = np.int64(0)
    for document in range(len(ends)):
        count = _keep_some(ids, start, ends[document], keep, state, kept)
        start = ends[document]
        trained += count
        if count < 2:
            continue
        if way == EACH:
            _learn_document(
                kept, count, inputs, outputs, stride, draws, settings, alpha, constants, scratch[1:], state, loss
            )  # fmt: skip
        else:
            _learn_together(
                kept, count, way, own, inputs, outputs, stride, draws, settings, alpha, constants, scratch[1:], state,
                loss,
            )  # fmt: skip
    return trained


def learn_windows(a):
    """Train on the documents of a block.

    Arguments: ids; ends of the documents; EACH, BAG or NGRAMS; for NGRAMS the ends of each token's own rows, and those
    rows; the table learned from and that of the tokens told, flat, with a last row of zeros; numbers from row to row,
    a multiple of WIDTH; for each token how many of 2**32 times it is kept (2**32 - 1: always); the alias table, limits
    and others; window, random tokens of a true one, groups of rows told at once; [learning rate]; masks and losses,
    see `rows.py`; kept: scratch, as long as the ids and GROUP, of numbers that are rows; rows: scratch of two times
    GROUP times the groups; scores: SCORES times the most neighbours or TOGETHER, and 2 * WIDEST; means: 2 * TOGETHER
    rows; sizes: 3 * TOGETHER; rates: as long as the scores and 2 * WIDEST; state of the random numbers; loss: [sum,
    tokens], added to.

    Returns:
        How many tokens were kept.
    """
    return _learn_windows(
        u32(a, 0), i64(a, 1), number(a, 2), (i64(a, 3), u32(a, 4)), f32(a, 5), f32(a, 6), number(a, 7), u32(a, 8),
        (u32(a, 9), u32(a, 10)), (number(a, 11), number(a, 12), number(a, 13)), f32(a, 14)[0], (f32(a, 15), f32(a, 16)),
        (i64(a, 17), i64(a, 18), f32(a, 19), f32(a, 20), i64(a, 21), f32(a, 22)), u64(a, 23), f32(a, 24),
    )  # fmt: skip
