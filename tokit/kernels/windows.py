"""Skip-gram, bag of words and skip-gram with n-grams, with negative sampling: a few products of small matrices a token.

A token is told from the same few random tokens for all of its neighbours at once (Ji et al. 2016,
https://arxiv.org/abs/1604.04661): all rows involved stay in the nearest cache, and each number that is loaded is used
several times. Neighbours are the rows of one table, the token and the random ones rows of the other; GROUP of those are
worked on at a time. Threads share the tables without locks (Niu et al. 2011, https://arxiv.org/abs/1106.5730).

With n-grams it is the other way round, as the mean of a token's many rows is dear: from that one vector all neighbours
are told from the same random tokens, each of which weighs as much as those that the neighbours would have had.

Both tables have one row more than there are tokens, of zeros, which stands where a row is wanted and there is none.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.memory import f32, i64, inlined, jit, number, prefetch, u8, u32, u64
from tokit.kernels.vectors import WIDTH, load, plus, spread, store, times_plus, total, zero

# Rows of the second table that are worked on at once, and how far apart their scores lie.
GROUP, SCORES = 6, 8
# Beyond this a sigmoid is taken for 0 or 1, as in word2vec.
LIMIT = 6.0
# The loss is summed up for one token in so many.
SAMPLED = 16
# What is learned from: each neighbour, their mean, or the mean of a token's own rows.
EACH, BAG, NGRAMS = 0, 1, 2
# Neighbours that share a set of random tokens, where a token's own rows are learned from.
SHARED = 2
# Numbers in a line of the processor's cache.
_LINE = 16
_ALWAYS = np.uint32(0xFFFFFFFF)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_STEP, _MIX_1, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_ONE, _NOTHING = np.float32(1), np.float32(0)


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


@inlined
def _place(table, score):
    """Where in a table over [-LIMIT, LIMIT) a score stands, between its ends."""
    scaled = (score + np.float32(LIMIT)) * np.float32(len(table) / np.float32(2 * LIMIT))
    return np.int64(min(max(scaled, _NOTHING), np.float32(len(table) - 1)))


@inlined
def _sigmoid(table, score):
    if score >= np.float32(LIMIT):
        return _ONE
    if score <= np.float32(-LIMIT):
        return _NOTHING
    return table[_place(table, score)]


@inlined
def _surprise(table, score):
    """-log(sigmoid(score))."""
    if score <= np.float32(-LIMIT):
        return -score
    return table[_place(table, score)]


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


@jit
def _draw(target, negatives, state, limits, others, rows, first, groups):
    """Rows of a token and of random ones that are not it, and the row of zeros where there is none; how many are real.

    Walker's alias method: a token drawn evenly is kept below its limit, else it is the other of its place.
    """
    rows[first] = target
    count = 1
    for _ in range(negatives):
        bits = _random(state)
        token = ((bits >> _HALF) * np.uint64(len(limits))) >> _HALF
        if np.uint32(bits & _LOW) >= limits[token]:
            token = np.uint64(others[token])
        if np.int64(token) != target:
            rows[first + count] = np.int64(token)
            count += 1
    for k in range(count, groups * GROUP):
        rows[first + k] = len(limits)
    return count


@inlined
def _ask_for(table, row, stride):
    for k in range(0, stride, _LINE):
        prefetch(table, row * stride + k)


@jit
def _score_two(inputs, outputs, a, b, r, stride, scores, at):
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
    scores[at], scores[at + 1], scores[at + 2] = total(s0), total(s1), total(s2)
    scores[at + 3], scores[at + 4], scores[at + 5] = total(s3), total(s4), total(s5)
    at += SCORES
    scores[at], scores[at + 1], scores[at + 2] = total(t0), total(t1), total(t2)
    scores[at + 3], scores[at + 4], scores[at + 5] = total(t3), total(t4), total(t5)


@jit
def _step(inputs, outputs, places, count, r, stride, errors):
    """Move rows of both tables by their errors: each by the other's, as it was before."""
    for k in range(0, stride, WIDTH):
        w0, w1, w2 = load(outputs, r[0] + k), load(outputs, r[1] + k), load(outputs, r[2] + k)
        w3, w4, w5 = load(outputs, r[3] + k), load(outputs, r[4] + k), load(outputs, r[5] + k)
        d0, d1, d2, d3, d4, d5 = zero(), zero(), zero(), zero(), zero(), zero()
        for c in range(count):
            at = places[c] + k
            e = c * SCORES
            x = load(inputs, at)
            error = spread(errors[e])
            d0, y = times_plus(error, x, d0), times_plus(error, w0, x)
            error = spread(errors[e + 1])
            d1, y = times_plus(error, x, d1), times_plus(error, w1, y)
            error = spread(errors[e + 2])
            d2, y = times_plus(error, x, d2), times_plus(error, w2, y)
            error = spread(errors[e + 3])
            d3, y = times_plus(error, x, d3), times_plus(error, w3, y)
            error = spread(errors[e + 4])
            d4, y = times_plus(error, x, d4), times_plus(error, w4, y)
            error = spread(errors[e + 5])
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
def _score_one(inputs, outputs, a, r, stride, scores):
    """The same of a single row."""
    s0, s1, s2, s3, s4, s5 = zero(), zero(), zero(), zero(), zero(), zero()
    for k in range(0, stride, WIDTH):
        x = load(inputs, a + k)
        s0 = times_plus(x, load(outputs, r[0] + k), s0)
        s1 = times_plus(x, load(outputs, r[1] + k), s1)
        s2 = times_plus(x, load(outputs, r[2] + k), s2)
        s3 = times_plus(x, load(outputs, r[3] + k), s3)
        s4 = times_plus(x, load(outputs, r[4] + k), s4)
        s5 = times_plus(x, load(outputs, r[5] + k), s5)
    scores[0], scores[1], scores[2] = total(s0), total(s1), total(s2)
    scores[3], scores[4], scores[5] = total(s3), total(s4), total(s5)


@jit
def _step_one(inputs, outputs, a, r, stride, errors):
    """Move a single row of the first table and those of the second, as `_step` does."""
    e0, e1, e2 = spread(errors[0]), spread(errors[1]), spread(errors[2])
    e3, e4, e5 = spread(errors[3]), spread(errors[4]), spread(errors[5])
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
def _to_errors(count, first, true, real, weight, alpha, sigmoids, losses, scores, loss):
    """Scores of GROUP rows into errors times the learning rate.

    Args:
        count: Vectors, each with its scores.
        first: How many rows came before this group's.
        true: How many rows are true ones, in all groups; they are the first.
        real: How many rows there are; scores of others become zero.
        weight: How much a random one counts.
        alpha: Learning rate.
        sigmoids: Table.
        losses: The same of losses.
        scores: Changed.
        loss: Where the loss is added up, or empty.
    """
    rows = min(max(real - first, 0), GROUP)
    for c in range(count):
        at = c * SCORES
        for k in range(rows):
            score = scores[at + k]
            if first + k < true:
                if len(loss):
                    loss[0] += _surprise(losses, score)
                scores[at + k] = (_ONE - _sigmoid(sigmoids, score)) * alpha
            else:
                if len(loss):
                    loss[0] += weight * _surprise(losses, -score)
                scores[at + k] = -_sigmoid(sigmoids, score) * alpha * weight
        for k in range(rows, GROUP):
            scores[at + k] = _NOTHING


@inlined
def _group_of(rows, first, stride):
    return (
        rows[first] * stride, rows[first + 1] * stride, rows[first + 2] * stride,
        rows[first + 3] * stride, rows[first + 4] * stride, rows[first + 5] * stride,
    )  # fmt: skip


@jit
def _add_up(inputs, places, count, stride, mean):
    """The mean of some rows, twice: as it is, and to be moved."""
    share = spread(_ONE / np.float32(count))
    for k in range(0, stride, WIDTH):
        sum_ = zero()
        for c in range(count):
            sum_ = plus(sum_, load(inputs, places[c] + k))
        sum_ = times_plus(sum_, share, zero())
        store(mean, k, sum_)
        store(mean, stride + k, sum_)


@jit
def _pass_on(inputs, places, count, stride, mean):
    """Move some rows by as much as their mean was moved."""
    for k in range(0, stride, WIDTH):
        moved = times_plus(spread(-_ONE), load(mean, k), load(mean, stride + k))
        for c in range(count):
            store(inputs, places[c] + k, plus(load(inputs, places[c] + k), moved))


@jit
def _learn(inputs, outputs, places, count, nowhere, told, stride, alpha, curves, scores, loss):
    """Tell true tokens from random ones by rows of the first table.

    Args:
        inputs: Table of the rows at `places`.
        outputs: Table of the token and the random ones.
        places: Offsets of `count` rows, and room for one more.
        count: How many.
        nowhere: The offset of zeros in `inputs`.
        told: Rows of the second table, the true ones first; the place of the first; how many are true, how many there
            are, how many times GROUP they fill; how much a random one counts.
        stride: Numbers from row to row.
        alpha: Learning rate.
        curves: Tables of sigmoids and losses.
        scores: Scratch.
        loss: Where the loss is added up, or empty.
    """
    rows, first, true, real, groups, weight = told
    # Rows are taken in twos.
    places[count] = nowhere
    for group in range(groups):
        r = _group_of(rows, first + group * GROUP, stride)
        for c in range(0, count, 2):
            _score_two(inputs, outputs, places[c], places[c + 1], r, stride, scores, c * SCORES)
        _to_errors(count, group * GROUP, true, real, weight, alpha, curves[0], curves[1], scores, loss)
        _step(inputs, outputs, places, count, r, stride, scores)


@jit
def _learn_mean(mean, outputs, told, stride, alpha, curves, scores, loss):
    """The same by one vector, which lies in `mean` behind a copy of itself."""
    rows, first, true, real, groups, weight = told
    for group in range(groups):
        r = _group_of(rows, first + group * GROUP, stride)
        _score_one(mean, outputs, stride, r, stride, scores)
        _to_errors(1, group * GROUP, true, real, weight, alpha, curves[0], curves[1], scores, loss)
        _step_one(mean, outputs, stride, r, stride, scores)


@inlined
def _neighbours(kept, count, here, reach, stride, places):
    """Offsets of the rows of a token's neighbours; how many they are."""
    found = 0
    for k in range(max(0, here - reach), min(count, here + reach + 1)):
        if k != here:
            places[found] = kept[k] * stride
            found += 1
    return found


@jit
def _learn_document(kept, count, bag, inputs, outputs, stride, draws, settings, alpha, curves, scratch, state, loss):
    limits, others = draws
    window, negatives, groups = settings
    rows, places, scores, mean = scratch
    nowhere = len(limits) * stride
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
        found = _neighbours(kept, count, here, reach, stride, places)
        heard = loss if here % SAMPLED == 0 else loss[:0]
        told = rows, now, 1, real, groups, _ONE
        if bag:
            _add_up(inputs, places, found, stride, mean)
            _learn_mean(mean, outputs, told, stride, alpha, curves, scores, heard)
            _pass_on(inputs, places, found, stride, mean)
        else:
            _learn(inputs, outputs, places, found, nowhere, told, stride, alpha, curves, scores, heard)
        if len(heard):
            loss[1] += 1
        now, later = later, now


@inlined
def _rows_of(token, own, stride, places):
    """Offsets of a token's own rows; how many they are."""
    ends, rows = own
    first = ends[token - 1] if token else np.int64(0)
    for k in range(first, ends[token]):
        places[k - first] = np.int64(rows[k]) * stride
    return ends[token] - first


@inlined
def _ask_for_own(token, own, inputs, stride):
    ends, rows = own
    first = ends[token - 1] if token else np.int64(0)
    for k in range(first, ends[token]):
        _ask_for(inputs, np.int64(rows[k]), stride)


@jit
def _draw_others(true, wanted, state, limits, others, rows):
    """Random tokens behind `true` rows, none of which they are; how many rows there are then."""
    count = true
    for _ in range(wanted):
        bits = _random(state)
        token = ((bits >> _HALF) * np.uint64(len(limits))) >> _HALF
        if np.uint32(bits & _LOW) >= limits[token]:
            token = np.uint64(others[token])
        rows[count] = np.int64(token)
        count += 1
        for k in range(true):
            if rows[k] == np.int64(token):
                count -= 1
                break
    return count


@jit
def _learn_ngrams(kept, count, own, inputs, outputs, stride, draws, settings, alpha, curves, scratch, state, loss):
    limits, others = draws
    window, negatives, _ = settings
    rows, places, scores, mean = scratch
    for here in range(count):
        reach = _random_below(state, window) + 1
        if here + 1 < count:
            _ask_for_own(kept[here + 1], own, inputs, stride)
        true = _neighbours(kept, count, here, reach, 1, rows)
        sets = (true + SHARED - 1) // SHARED
        real = _draw_others(true, negatives * sets, state, limits, others, rows)
        groups = (real + GROUP - 1) // GROUP
        for k in range(true, real):
            _ask_for(outputs, rows[k], stride)
        for k in range(real, groups * GROUP):
            rows[k] = len(limits)
        heard = loss if here % SAMPLED == 0 else loss[:0]
        found = _rows_of(kept[here], own, stride, places)
        _add_up(inputs, places, found, stride, mean)
        told = rows, 0, true, real, groups, np.float32(true) / np.float32(sets)
        _learn_mean(mean, outputs, told, stride, alpha, curves, scores, heard)
        _pass_on(inputs, places, found, stride, mean)
        if len(heard):
            loss[1] += 1


@jit
def _learn_windows(
    ids, ends, way, own, inputs, outputs, stride, keep, draws, settings, alpha, curves, scratch, state, loss
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
        if way == NGRAMS:
            _learn_ngrams(
                kept, count, own, inputs, outputs, stride, draws, settings, alpha, curves, scratch[1:], state, loss
            )  # fmt: skip
        else:
            _learn_document(
                kept, count, way == BAG, inputs, outputs, stride, draws, settings, alpha, curves, scratch[1:], state,
                loss,
            )  # fmt: skip
    return trained


def learn_windows(a):
    """Train on the documents of a block.

    Arguments: ids; ends of the documents; EACH, BAG or NGRAMS; for NGRAMS the ends of each token's own rows, and those
    rows; the table learned from and that of the tokens told, flat, with a last row of zeros; numbers from row to row,
    a multiple of WIDTH; for each token how many of 2**32 times it is kept (2**32 - 1: always); the alias table, limits
    and others; window, random tokens, groups of rows (but for NGRAMS); [learning rate]; sigmoids, losses; kept:
    scratch, as long as the ids; rows: scratch of two times GROUP times the groups, or all neighbours and their random
    tokens and a GROUP; places: of two windows or the most rows of a token, and two; scores: SCORES times as long;
    mean: two rows; state of the random numbers; loss: [sum, tokens], added to.

    Returns:
        How many tokens were kept.
    """
    return _learn_windows(
        u32(a, 0), i64(a, 1), number(a, 2), (i64(a, 3), u32(a, 4)), f32(a, 5), f32(a, 6), number(a, 7), u32(a, 8),
        (u32(a, 9), u32(a, 10)), (number(a, 11), number(a, 12), number(a, 13)), f32(a, 14)[0], (f32(a, 15), f32(a, 16)),
        (i64(a, 17), i64(a, 18), i64(a, 19), f32(a, 20), f32(a, 21)), u64(a, 22), f32(a, 23),
    )  # fmt: skip


# FNV-1a, with the bytes taken for signed numbers, as fastText does: https://fasttext.cc (Dictionary::hash).
_FNV_START, _FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)


@jit
def _hash_ngrams(data, ends, shortest, longest, buckets, rows, row_ends):
    used = np.int64(0)
    start = np.int64(0)
    for word in range(len(ends)):
        end = ends[word]
        for i in range(start, end):
            if data[i] & 0xC0 == 0x80:
                continue
            h = _FNV_START
            j = i
            size = 1
            while j < end and size <= longest:
                byte = np.uint32(data[j])
                h = np.uint32((h ^ (byte | (np.uint32(0xFFFFFF00) if byte >= 128 else np.uint32(0)))) * _FNV_PRIME)
                j += 1
                while j < end and data[j] & 0xC0 == 0x80:
                    h = np.uint32((h ^ (np.uint32(data[j]) | np.uint32(0xFFFFFF00))) * _FNV_PRIME)
                    j += 1
                # A border alone is no n-gram.
                if size >= shortest and not (size == 1 and (i == start or j == end)):
                    if len(rows):
                        rows[used] = np.uint32(np.uint64(h) % np.uint64(buckets))
                    used += 1
                size += 1
        row_ends[word] = used
        start = end
    return used


def hash_ngrams(a):
    """Buckets of the n-grams of words, as fastText numbers them.

    Arguments: the words' bytes with their borders, "<" and ">"; ends; characters of the shortest and of the longest
    n-gram; buckets; rows: written, or empty to count only; ends of each word's rows: written.

    Returns:
        How many n-grams there are.
    """
    return _hash_ngrams(u8(a, 0), i64(a, 1), number(a, 2), number(a, 3), number(a, 4), u32(a, 5), i64(a, 6))
