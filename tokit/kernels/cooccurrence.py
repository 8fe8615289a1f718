"""Counting which tokens stand near which, in a table of pairs that is emptied when it is full.

A pair is the number low << 32 | high of its two ids, as both directions have the same sum. Sums are integers, in
fixed point: they do not depend on the order of addition, so neither spilling nor threads change a bit of them.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import i64, inlined, jit, number, prefetch, u32, u64
from tokit.kernels.word_hash_table import home_of

# A slot is a pair plus one, as zero means that the slot is free, and a sum.
_SLOT, _SUM = np.uint64(2), np.uint64(1)
_HALF, _ONE = np.uint64(32), np.uint64(1)


@inlined
def _key(ids, p, q):
    a, b = np.uint64(ids[p]), np.uint64(ids[q])
    return (min(a, b) << _HALF | max(a, b)) + _ONE


@inlined
def _ask_for(ids, first, here, table):
    """Have the slots of a token's pairs in the cache when they are needed."""
    for p in range(first, here):
        prefetch(table, np.int64(home_of(table, _key(ids, p, here))))


@inlined
def _add(table, key, weight):
    """Add to a pair's sum; how many slots that filled."""
    at = home_of(table, key)
    while table[at] != key:
        if table[at] == 0:
            table[at] = key
            table[at + _SUM] = weight
            return 1
        at = (at + _SLOT) & np.uint64(len(table) - 1)
    table[at + _SUM] += weight
    return 0


@jit
def _count_pairs(ids, ends, start, weights, table, limit, used):
    window = len(weights)
    document = 0
    first = 0
    filled = used[0]
    for here in range(start, len(ids)):
        while here >= ends[document]:
            first = int(ends[document])
            document += 1
        if filled + window > limit:
            used[0] = filled
            return here
        if here + 1 < ends[document]:
            _ask_for(ids, max(first, here + 1 - window), here + 1, table)
        for p in range(max(first, here - window), here):
            filled += _add(table, _key(ids, p, here), weights[here - p - 1])
    used[0] = filled
    return len(ids)


def count_pairs(a):
    """Count pairs of tokens that stand near each other in a document, until the table is nearly full.

    Args:
        a: Address of these: ids (uint32), ends of documents within them (int64, the last is that of the ids), the token
            to begin with, all before it being neighbors only; what a pair weighs at distance 1, 2 … (uint64); the
            table (uint64, a power of two long); how many slots may fill, at least one a distance and fewer than there
            are; how many have (int64, one number, changed).

    Returns:
        The token to go on with, once the table is empty; the number of ids when all are counted.
    """
    return _count_pairs(u32(a, 0), i64(a, 1), number(a, 2), u64(a, 3), u64(a, 4), number(a, 5), i64(a, 6))


@jit
def _move_pairs(table, larger):
    for at in range(0, len(table), 2):
        if table[at] != 0:
            _add(larger, table[at], table[at + 1])
    return 0


def widen_table(a):
    """Copy all pairs of a table into a larger one, which is empty.

    Args:
        a: Address of these: the table, and the larger one (uint64).

    Returns:
        Zero.
    """
    return _move_pairs(u64(a, 0), u64(a, 1))


@jit
def _pour_pairs(table, pairs, sums):
    count = 0
    for at in range(0, len(table), 2):
        if table[at] != 0:
            pairs[count] = table[at] - _ONE
            sums[count] = table[at + 1]
            count += 1
            table[at] = 0
    return count


def pour_pairs(a):
    """Empty a table.

    Args:
        a: Address of these: the table (uint64), room for the pairs and for their sums (uint64).

    Returns:
        How many there were.
    """
    return _pour_pairs(u64(a, 0), u64(a, 1), u64(a, 2))


@jit
def _merge_pairs(left, left_sums, right, right_sums, pairs, sums):
    i, k, count = 0, 0, 0
    while i < len(left) and k < len(right):
        left_pair, right_pair = left[i], right[k]
        total = np.uint64(0)
        if left_pair <= right_pair:
            total += left_sums[i]
            i += 1
        if right_pair <= left_pair:
            total += right_sums[k]
            k += 1
        pairs[count], sums[count] = min(left_pair, right_pair), total
        count += 1
    while i < len(left):
        pairs[count], sums[count] = left[i], left_sums[i]
        i += 1
        count += 1
    while k < len(right):
        pairs[count], sums[count] = right[k], right_sums[k]
        k += 1
        count += 1
    return count


def merge_pairs(a):
    """Merge two lists of sorted pairs into one; where both have a pair, their sums are added.

    Args:
        a: Address of these, all uint64: pairs and sums of the one, of the other, and room for as many as both have.

    Returns:
        How many pairs there are.
    """
    return _merge_pairs(u64(a, 0), u64(a, 1), u64(a, 2), u64(a, 3), u64(a, 4), u64(a, 5))
