"""Learning merges: again and again the most frequent pair of neighbouring symbols becomes a symbol.

Symbols stand where the words put them, linked to their neighbours; each pair knows its count and where it stands. A
pair with a new symbol stands only where that symbol was just made, so every occurrence of it is found in one go, in
order, and from then on its count can only fall. So the heap may hold counts that are out of date: a pair that comes up
with too high a one is put back with the true one.

The order is the reference's: highest count first, then the smallest (left id, right id); of overlapping pairs
("aaa" holds two) each counts, and they are merged from the left. Counts are int64, where the reference's 32 bits
overflow. Sennrich et al. 2016, https://aclanthology.org/P16-1162
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.memory import i32, i64, inlined, jit, number, u64
from tokit.kernels.words import spread

# Places in the state.
PAIRS, EVENTS, HEAP, MERGES, NEXT_ID, FRESH = 0, 1, 2, 3, 4, 5
DONE, MORE, FULL = 0, 1, 2
EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
GONE = -1


@inlined
def _pair_key(left, right):
    return (np.uint64(left) << np.uint64(32)) | np.uint64(right)


@inlined
def _slot_of(table, key):
    """The slot of a pair in the table, or the free one where it belongs."""
    mask = np.int64(len(table) - 1)
    slot = np.int64(spread(key) >> np.uint64(32)) & mask
    while table[slot] != EMPTY and table[slot] != key:
        slot = (slot + 1) & mask
    return slot


@inlined
def _add(left, right, times, place, table, index, keys, counts, heads, tails, sizes, places, after, state):
    """Count an occurrence of a pair in, and remember where it stands."""
    key = _pair_key(left, right)
    slot = _slot_of(table, key)
    event = state[EVENTS]
    if table[slot] == EMPTY:
        pair = state[PAIRS]
        state[PAIRS] = pair + 1
        table[slot] = key
        index[slot] = pair
        keys[pair] = key
        counts[pair] = 0
        sizes[pair] = 0
        heads[pair] = event
    else:
        pair = np.int64(index[slot])
        after[tails[pair]] = event
    tails[pair] = event
    places[event] = place
    after[event] = GONE
    state[EVENTS] = event + 1
    counts[pair] += times
    sizes[pair] += 1


@inlined
def _take(left, right, times, table, index, counts):
    """Count an occurrence of a pair out; one that would be too long was never counted in."""
    slot = _slot_of(table, _pair_key(left, right))
    if table[slot] != EMPTY:
        counts[index[slot]] -= times


@inlined
def _before(count, key, other_count, other_key):
    """Whether a pair is merged before another."""
    return count > other_count or (count == other_count and key < other_key)


@jit
def _push(pair, counts, keys, heap_counts, heap_keys, heap_pairs, state):
    k = state[HEAP]
    state[HEAP] = k + 1
    count, key = counts[pair], keys[pair]
    while k > 0:
        up = (k - 1) >> 2
        if not _before(count, key, heap_counts[up], heap_keys[up]):
            break
        heap_counts[k], heap_keys[k], heap_pairs[k] = heap_counts[up], heap_keys[up], heap_pairs[up]
        k = up
    heap_counts[k], heap_keys[k], heap_pairs[k] = count, key, pair


@jit
def _sink(count, key, pair, heap_counts, heap_keys, heap_pairs, size):
    """Put an entry in place of the top one."""
    k = 0
    while 4 * k + 1 < size:
        child = 4 * k + 1
        for other in range(child + 1, min(child + 4, size)):
            if _before(heap_counts[other], heap_keys[other], heap_counts[child], heap_keys[child]):
                child = other
        if not _before(heap_counts[child], heap_keys[child], count, key):
            break
        heap_counts[k], heap_keys[k], heap_pairs[k] = heap_counts[child], heap_keys[child], heap_pairs[child]
        k = child
    heap_counts[k], heap_keys[k], heap_pairs[k] = count, key, pair


@jit
def _drop_top(heap_counts, heap_keys, heap_pairs, state):
    last = state[HEAP] - 1
    state[HEAP] = last
    if last > 0:
        _sink(heap_counts[last], heap_keys[last], np.int64(heap_pairs[last]), heap_counts, heap_keys, heap_pairs, last)


@jit
def _link_words(ends, times, symbols, following, preceding, words):
    start = np.int64(0)
    for word in range(len(ends)):
        end = ends[word]
        for i in range(start, end):
            following[i] = i + 1 if i + 1 < end else GONE
            preceding[i] = i - 1 if i > start else GONE
            words[i] = word
        start = end


@jit
def _merge_pair(pair, left, right, made, longest, lengths, times, symbols, following, preceding, words, table, index,
                keys, counts, heads, tails, sizes, places, after, state):  # fmt: skip
    size = lengths[left] + lengths[right]
    lengths[made] = size
    event = np.int64(heads[pair])
    while event >= 0:
        i = np.int64(places[event])
        event = np.int64(after[event])
        j = np.int64(following[i])
        if symbols[i] != left or j < 0 or symbols[j] != right:
            continue
        weight = times[words[i]]
        p = np.int64(preceding[i])
        q = np.int64(following[j])
        if p >= 0:
            before = np.int64(symbols[p])
            _take(before, left, weight, table, index, counts)
            if lengths[before] + size < longest:
                _add(before, made, weight, p, table, index, keys, counts, heads, tails, sizes, places, after, state)
        if q >= 0:
            behind = np.int64(symbols[q])
            _take(right, behind, weight, table, index, counts)
            if lengths[behind] + size < longest:
                _add(made, behind, weight, i, table, index, keys, counts, heads, tails, sizes, places, after, state)
            preceding[q] = i
        symbols[i] = made
        symbols[j] = GONE
        following[i] = q


@jit
def _learn_merges(ends, times, words_of, lengths, pairs, events, heap, limits, merges, state):
    symbols, following, preceding, words = words_of
    table, index, keys, counts, heads, tails, sizes = pairs
    places, after = events
    heap_counts, heap_keys, heap_pairs = heap
    least, longest, wanted, batch = limits
    room = min(len(table) // 2, len(keys))
    if state[FRESH] == 0:
        _link_words(ends, times, symbols, following, preceding, words)
        state[FRESH] = 1
    if state[FRESH] == 1:
        # From the beginning, when there was no room for all pairs.
        state[PAIRS] = 0
        state[EVENTS] = 0
        for i in range(len(symbols)):
            if following[i] >= 0:
                if state[PAIRS] >= room:
                    return FULL
                left, right = np.int64(symbols[i]), np.int64(symbols[i + 1])
                _add(left, right, times[words[i]], i, table, index, keys, counts, heads, tails, sizes, places, after,
                     state)  # fmt: skip
        for pair in range(state[PAIRS]):
            _push(pair, counts, keys, heap_counts, heap_keys, heap_pairs, state)
        state[FRESH] = 2
    stop = min(wanted, state[MERGES] + batch)
    while state[MERGES] < stop and state[HEAP] > 0:
        pair = np.int64(heap_pairs[0])
        if heap_counts[0] != counts[pair]:
            if counts[pair] > 0:
                _sink(counts[pair], keys[pair], pair, heap_counts, heap_keys, heap_pairs, state[HEAP])
            else:
                _drop_top(heap_counts, heap_keys, heap_pairs, state)
            continue
        if counts[pair] < max(least, 1):
            return DONE
        if state[PAIRS] + 2 * sizes[pair] > room:
            return FULL
        _drop_top(heap_counts, heap_keys, heap_pairs, state)
        left = np.int64(keys[pair] >> np.uint64(32))
        right = np.int64(keys[pair] & np.uint64(0xFFFFFFFF))
        first = state[PAIRS]
        _merge_pair(pair, left, right, state[NEXT_ID], longest, lengths, times, symbols, following, preceding, words,
                    table, index, keys, counts, heads, tails, sizes, places, after, state)  # fmt: skip
        counts[pair] = 0
        for new in range(first, state[PAIRS]):
            if counts[new] > 0:
                _push(new, counts, keys, heap_counts, heap_keys, heap_pairs, state)
        merges[2 * state[MERGES]] = left
        merges[2 * state[MERGES] + 1] = right
        state[MERGES] += 1
        state[NEXT_ID] += 1
    return MORE if state[MERGES] < wanted and state[HEAP] > 0 else DONE


def learn_merges(a):
    """Learn merges, some at a time.

    Arguments: ends of the words and how often each occurs; symbols (int32, of all words), following, preceding and
    words (as long, scratch); lengths: of each symbol, in characters, with room for those to come; table (all ones, a
    power of two), index; keys, counts, heads, tails, sizes: of pairs; places, after: three for each symbol;
    heap_counts, heap_keys, heap_pairs: as many as pairs; least count of a pair, length that a merged symbol must stay
    below, merges wanted, and how many to learn now; merges: written, left and right; state.

    Returns:
        DONE, MORE when there is more to learn, or FULL when table and pairs must grow.
    """
    return _learn_merges(
        i64(a, 0), i64(a, 1), (i32(a, 2), i32(a, 3), i32(a, 4), i32(a, 5)), i64(a, 6),
        (u64(a, 7), i32(a, 8), u64(a, 9), i64(a, 10), i32(a, 11), i32(a, 12), i32(a, 13)), (i32(a, 14), i32(a, 15)),
        (i64(a, 16), u64(a, 17), i32(a, 18)), (number(a, 19), number(a, 20), number(a, 21), number(a, 22)),
        i32(a, 23), i64(a, 24),
    )  # fmt: skip


@jit
def _index_keys(keys, used, table, index):
    for pair in range(used):
        slot = _slot_of(table, keys[pair])
        table[slot] = keys[pair]
        index[slot] = pair
    return 0


def index_keys(a):
    """Fill a table with pairs. Arguments: keys, how many; table (all ones), index."""
    return _index_keys(u64(a, 0), number(a, 1), u64(a, 2), i32(a, 3))
