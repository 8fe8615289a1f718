"""Apply the merges of byte-level BPE to one pre-token.

The pair with the lowest rank is merged, leftmost first, until no pair has a rank. Short pre-tokens are scanned for it;
for longer ones a heap holds the pairs in order.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import (
    inlined,
    jit,
    u32,
    u64,
)
from tokit.kernels.layout import (
    NO_PAIR,
    NO_RANK,
    PIECE_BITS,
    RANK_BITS,
)

# Up to this number of symbols all pairs are scanned for the best one; beyond, a heap keeps them in order.
FEW = 48
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@inlined
def rank_of(pairs, left, right):
    """The rank of the merge of two ids; NO_RANK if there is none."""
    key = (np.uint64(left) << np.uint64(PIECE_BITS)) | np.uint64(right)
    mask = np.int64(len(pairs) - 1)
    slot = np.int64((key * _SPREAD) >> np.uint64(32)) & mask
    while pairs[slot] >> np.uint64(RANK_BITS) != key:
        if pairs[slot] == NO_PAIR:
            return np.uint32(NO_RANK)
        slot = (slot + 1) & mask
    return np.uint32(pairs[slot] & np.uint64(NO_RANK))


@jit
def merge_few(count, pairs, merged, ids, ranks):
    """Apply the best merge, leftmost first, until there is none; returns the number of ids left."""
    for k in range(count - 1):
        ranks[k] = rank_of(pairs, ids[k], ids[k + 1])
    while count > 1:
        best = 0
        lowest = ranks[0]
        for k in range(1, count - 1):
            if ranks[k] < lowest:
                best = k
                lowest = ranks[k]
        if lowest == NO_RANK:
            break
        ids[best] = merged[lowest]
        count -= 1
        for k in range(best + 1, count):
            ids[k] = ids[k + 1]
            ranks[k - 1] = ranks[k]
        if best > 0:
            ranks[best - 1] = rank_of(pairs, ids[best - 1], ids[best])
        if best + 1 < count:
            ranks[best] = rank_of(pairs, ids[best], ids[best + 1])
    return count


@jit
def _sift_up(heap, k):
    value = heap[k]
    while k > 0 and heap[(k - 1) >> 2] > value:
        heap[k] = heap[(k - 1) >> 2]
        k = (k - 1) >> 2
    heap[k] = value


@jit
def _sift_down(heap, size, k):
    value = heap[k]
    while 4 * k + 1 < size:
        child = 4 * k + 1
        for other in range(child + 1, min(child + 4, size)):
            if heap[other] < heap[child]:
                child = other
        if heap[child] >= value:
            break
        heap[k] = heap[child]
        k = child
    heap[k] = value


@inlined
def _push(heap, size, ranks, place):
    """Push a place with its rank, if it has one; returns the new size of the heap."""
    if ranks[place] == NO_RANK:
        return size
    heap[size] = (np.uint64(ranks[place]) << np.uint64(32)) | np.uint64(place)
    _sift_up(heap, size)
    return size + 1


@jit
def merge_many(count, pairs, merged, ids, before, after, ranks, heap):
    """Do the same for many ids, with a heap of (rank, place) and places linked to their neighbors.

    Args:
        count: Of ids.
        pairs: Ranks of pairs.
        merged: The id that each rank makes.
        ids: Symbols; the result stands at its beginning.
        before: Scratch, `count` long.
        after: The same.
        ranks: The same: of each place and its present neighbor on the right.
        heap: Scratch, three times as long; rank << 32 | place.
    """
    size = np.int64(0)
    for k in range(count):
        before[k] = k - 1
        after[k] = k + 1
        ranks[k] = rank_of(pairs, ids[k], ids[k + 1]) if k + 1 < count else np.uint32(NO_RANK)
        size = _push(heap, size, ranks, k)
    while size > 0:
        top = heap[0]
        size -= 1
        heap[0] = heap[size]
        if size > 1:
            _sift_down(heap, size, 0)
        place = np.int64(top & np.uint64(0xFFFFFFFF))
        # A place that was merged away, or whose pair changed, has another rank by now.
        if ranks[place] == NO_RANK or np.uint64(ranks[place]) != top >> np.uint64(32):
            continue
        gone = np.int64(after[place])
        ids[place] = merged[ranks[place]]
        ranks[gone] = NO_RANK
        ranks[place] = NO_RANK
        after[place] = after[gone]
        if after[place] < count:
            before[after[place]] = place
            ranks[place] = rank_of(pairs, ids[place], ids[after[place]])
            size = _push(heap, size, ranks, place)
        left = np.int64(before[place])
        if left >= 0:
            ranks[left] = rank_of(pairs, ids[left], ids[place])
            size = _push(heap, size, ranks, left)
    used = np.int64(0)
    k = np.int64(0)
    while k < count:
        ids[used] = ids[k]
        used += 1
        k = np.int64(after[k])
    return used


@jit
def _index_pairs(lefts, rights, pairs):
    mask = np.int64(len(pairs) - 1)
    for k in range(len(lefts)):
        key = (np.uint64(lefts[k]) << np.uint64(PIECE_BITS)) | np.uint64(rights[k])
        slot = np.int64((key * _SPREAD) >> np.uint64(32)) & mask
        while pairs[slot] != NO_PAIR and pairs[slot] >> np.uint64(RANK_BITS) != key:
            slot = (slot + 1) & mask
        # Of a pair that stands there twice the last one counts, as in the reference.
        pairs[slot] = (key << np.uint64(RANK_BITS)) | np.uint64(k)
    return 0


def index_pairs(a):
    """Build the table of merges: left id, right id and rank in a number of 64 bits, open addressing.

    Arguments: lefts, rights, by rank, each below 2**PIECE_BITS; pairs: all ones, a power of two slots.
    """
    return _index_pairs(u32(a, 0), u32(a, 1), u64(a, 2))
