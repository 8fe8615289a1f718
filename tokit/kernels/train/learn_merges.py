"""Learn merges: the most frequent pair of neighboring symbols becomes a symbol, again and again.

A pair with a new symbol stands only where that symbol was just new, so all its places are found in one go, in order,
and from then on its count can only fall. So the heap may hold counts that are out of date: a pair that comes up with
too high a count is put back with the true one.

Most pairs never come up: those that occur less often than the last one that will be merged. The caller knows a bar
that is not above that count, and pairs below it are forgotten as soon as they arise.

The order is the reference's: highest count first, then the smallest (left id, right id); of overlapping pairs
("aaa" holds two) each counts, and they are merged from the left. Counts are int64, where the reference's 32 bits
overflow. Sennrich et al. 2016, https://aclanthology.org/P16-1162
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import (
    i32,
    i64,
    inlined,
    jit,
    number,
    prefetch,
)
from tokit.kernels.layout import (
    DONE,
    FULL,
    HEAP,
    LISTED,
    MERGES,
    MORE,
    NEXT_ID,
    PAIR_SLOT,
    PAIRS,
    USED,
)
from tokit.kernels.train.pair_heap import drop_top, push, sink
from tokit.kernels.train.pair_table import (
    COUNT,
    EMPTY,
    FIRST,
    GONE,
    PLACES,
    count_first_pairs,
    list_first_pairs,
    pair_key,
    slot_of,
    weight_at,
)

AHEAD = 8


@inlined
def _meet(side, symbol, weight, met, count):
    """Note that a symbol stands beside the new one; returns how many different ones do."""
    if side[2 * symbol + 1] == 0:
        met[count] = symbol
        count += 1
    side[2 * symbol] += weight
    side[2 * symbol + 1] += 1
    return count


@jit
def _join(first, size, left, right, new, cells, times, lengths, places, lefts, rights, met_left, met_right, found):
    """Make the new symbol wherever the pair stands, and note its neighbors.

    Its places are gathered at the front of the pair's. `found`: how many these are, different neighbors on the left
    and on the right, how often two new symbols met, and their weight.
    """
    n_places, n_left, n_right, met, met_weight = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    middle, length = lengths[left], lengths[new]
    for k in range(first, first + size):
        if k + AHEAD < first + size:
            prefetch(cells, 2 * np.int64(places[k + AHEAD]))
        i = np.int64(places[k])
        if cells[2 * i] != left or cells[2 * (i + middle)] != right:
            continue
        weight = weight_at(cells, times, i)
        before, behind = np.int64(cells[2 * (i - 1)]), np.int64(cells[2 * (i + length)])
        cells[2 * (i + middle)] = GONE
        cells[2 * i] = new
        cells[2 * (i + length - 1)] = new
        places[first + n_places] = i
        n_places += 1
        if before == new:
            met += 1
            met_weight += weight
        elif before >= 0:
            n_left = _meet(lefts, before, weight, met_left, n_left)
        if behind >= 0:
            n_right = _meet(rights, behind, weight, met_right, n_right)
    found[0], found[1], found[2], found[3], found[4] = n_places, n_left, n_right, met, met_weight


@jit
def _lower(left, right, weight, table):
    """Count occurrences of a pair out, unless it is not remembered."""
    at = slot_of(table, pair_key(left, right))
    if table[at] != EMPTY:
        table[at + COUNT] -= weight


@jit
def _remember(left, right, weight, size, bar, longest, lengths, table, heap, state):
    """Make room for the places of a new pair; returns where they begin, or -1 when the pair is not worth it."""
    if weight < bar or lengths[left] + lengths[right] >= longest:
        return np.int64(-1)
    key = pair_key(left, right)
    at = slot_of(table, key)
    first = state[USED]
    table[at] = key
    table[at + COUNT] = weight
    table[at + FIRST] = first
    table[at + PLACES] = size
    state[PAIRS] += 1
    state[USED] += size
    push(weight, key, heap, state)
    return first


@jit
def _list_places(first, size, new, cells, lengths, lefts, rights, places):
    """Write the places of the new pairs; beside each neighbor stands where its next one goes, or -1."""
    length = lengths[new]
    for k in range(first, first + size):
        if k + AHEAD < first + size:
            prefetch(cells, 2 * np.int64(places[k + AHEAD]))
        i = np.int64(places[k])
        before, behind = np.int64(cells[2 * (i - 1)]), np.int64(cells[2 * (i + length)])
        if before >= 0 and before != new and lefts[2 * before + 1] >= 0:
            places[lefts[2 * before + 1]] = i - lengths[before]
            lefts[2 * before + 1] += 1
        if behind >= 0 and rights[2 * behind + 1] >= 0:
            places[rights[2 * behind + 1]] = i
            rights[2 * behind + 1] += 1


@jit
def _merge_pair(at, left, right, new, bar, longest, lengths, cells, times, table, places, heap, lefts, rights,
                met_left, met_right, found, state):  # fmt: skip
    lengths[new] = lengths[left] + lengths[right]
    first = table[at + FIRST]
    used = state[USED]
    _join(first, table[at + PLACES], left, right, new, cells, times, lengths, places, lefts, rights, met_left,
          met_right, found)  # fmt: skip
    size, n_left, n_right, met, met_weight = found[0], found[1], found[2], found[3], found[4]
    for k in range(n_left):
        symbol = np.int64(met_left[k])
        weight = lefts[2 * symbol]
        _lower(symbol, left, weight, table)
        lefts[2 * symbol + 1] = _remember(symbol, new, weight, lefts[2 * symbol + 1], bar, longest, lengths, table,
                                          heap, state)  # fmt: skip
    for k in range(n_right):
        symbol = np.int64(met_right[k])
        weight = rights[2 * symbol]
        _lower(right, symbol, weight, table)
        if symbol == left:
            # Where the next symbol was merged as well, two new ones have met.
            weight -= met_weight
            rights[2 * symbol + 1] -= met
        rights[2 * symbol + 1] = _remember(new, symbol, weight, rights[2 * symbol + 1], bar, longest, lengths, table,
                                           heap, state)  # fmt: skip
    rights[2 * new + 1] = -1
    if met > 0:
        rights[2 * new + 1] = _remember(new, new, met_weight, met, bar, longest, lengths, table, heap, state)
    if state[USED] > used:
        _list_places(first, size, new, cells, lengths, lefts, rights, places)
    for k in range(n_left):
        lefts[2 * np.int64(met_left[k])] = 0
        lefts[2 * np.int64(met_left[k]) + 1] = 0
    for k in range(n_right):
        rights[2 * np.int64(met_right[k])] = 0
        rights[2 * np.int64(met_right[k]) + 1] = 0
    rights[2 * new + 1] = 0
    table[at + COUNT] = 0


@jit
def _learn_merges(cells, times, lengths, table, places, heap, lefts, rights, met_left, met_right, found, limits,
                  merges, state):  # fmt: skip
    bar, longest, wanted, batch = limits
    room = len(table) // (2 * PAIR_SLOT)
    if state[LISTED] == 0:
        if count_first_pairs(cells, times, table, state) == FULL:
            return FULL
        list_first_pairs(bar, cells, table, places, heap, state)
        state[LISTED] = 1
    stop = min(wanted, state[MERGES] + batch)
    while state[MERGES] < stop and state[HEAP] > 0:
        key = heap[1]
        at = slot_of(table, key)
        count = table[at + COUNT] if table[at] == key else np.int64(0)
        if count < bar:
            drop_top(heap, state)
            continue
        if heap[0] != count:
            sink(count, key, heap, state[HEAP])
            continue
        if state[PAIRS] + 2 * min(table[at + PLACES], count // bar) > room:
            return FULL
        drop_top(heap, state)
        left, right = key >> 32, key & 0xFFFFFFFF
        _merge_pair(at, left, right, state[NEXT_ID], bar, longest, lengths, cells, times, table, places, heap, lefts,
                    rights, met_left, met_right, found, state)  # fmt: skip
        merges[2 * state[MERGES]] = left
        merges[2 * state[MERGES] + 1] = right
        state[MERGES] += 1
        state[NEXT_ID] += 1
    return MORE if state[MERGES] < wanted and state[HEAP] > 0 else DONE


def learn_merges(a):
    """Learn merges, some at a time.

    Arguments: cells (see `lay_words`), how often each word occurs; lengths: of each symbol, in first symbols, with
    room for those to come; table (four int64 a slot, two slots a pair, a power of two); places (three for each first
    symbol: each merge writes two, and makes one symbol of two); heap (two for each pair); for each symbol two of left
    and two of right neighbors (zero), and one of those met on either side; five found; least count of a pair (not 0),
    length that a merged symbol must stay below, merges wanted, and how many to learn now; merges: written, left and
    right; state.

    Returns:
        DONE, MORE when there is more to learn, or FULL when table and heap must grow (see `move_pairs`).
    """
    return _learn_merges(
        i32(a, 0), i64(a, 1), i64(a, 2), i64(a, 3), i32(a, 4), i64(a, 5), i64(a, 6), i64(a, 7), i32(a, 8), i32(a, 9),
        i64(a, 10), (number(a, 11), number(a, 12), number(a, 13), number(a, 14)), i32(a, 15), i64(a, 16),
    )  # fmt: skip
