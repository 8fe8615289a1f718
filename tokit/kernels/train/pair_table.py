"""The table of pairs: for each its count and the places where it stands.

Words lie in cells: a symbol lies in as many cells as it has first symbols in it; its first and its last cell hold it,
so that its neighbors are found without links.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import (
    i32,
    i64,
    inlined,
    jit,
    number,
)
from tokit.kernels.layout import (
    DONE,
    FULL,
    HEAP,
    PAIR_SLOT,
    PAIRS,
    USED,
)
from tokit.kernels.train.pair_heap import push
from tokit.kernels.word_hash_table import mix

# Places in a slot of the table.
COUNT, FIRST, PLACES = np.uint64(1), np.uint64(2), np.uint64(3)
EMPTY = -1
# Between words.
GONE = -1


@inlined
def pair_key(left, right):
    return (np.int64(left) << 32) | np.int64(right)


@inlined
def slot_of(table, key):
    """The offset of a pair's slot in the table, or of the free one where it belongs."""
    mask = np.uint64(len(table) - 1)
    at = ((mix(np.uint64(key)) >> np.uint64(32)) * np.uint64(PAIR_SLOT)) & mask
    while table[at] != EMPTY and table[at] != key:
        at = (at + np.uint64(PAIR_SLOT)) & mask
    return at


@inlined
def weight_at(cells, times, i):
    """The count of the word that a cell belongs to."""
    weight = np.int64(cells[2 * i + 1])
    return weight if weight >= 0 else times[-1 - weight]


@jit
def count_first_pairs(cells, times, table, state):
    """Count the pairs of first symbols. Returns FULL when there are too many."""
    room = len(table) // (2 * PAIR_SLOT)
    state[PAIRS] = 0
    for slot in range(0, len(table), PAIR_SLOT):
        table[slot] = EMPTY
    for i in range(1, len(cells) // 2):
        left, right = cells[2 * i - 2], cells[2 * i]
        if left < 0 or right < 0:
            continue
        key = pair_key(left, right)
        at = slot_of(table, key)
        if table[at] == EMPTY:
            if state[PAIRS] == room:
                return FULL
            state[PAIRS] += 1
            table[at] = key
            table[at + COUNT] = 0
            table[at + PLACES] = 0
        table[at + COUNT] += weight_at(cells, times, i)
        table[at + PLACES] += 1
    return DONE


@jit
def list_first_pairs(bar, cells, table, places, heap, state):
    """Put the pairs of first symbols that occur often enough on the heap, and write their places."""
    for slot in range(0, len(table), PAIR_SLOT):
        at = np.uint64(slot)
        if table[at] != EMPTY and table[at + COUNT] >= bar:
            table[at + FIRST] = state[USED]
            state[USED] += table[at + PLACES]
            table[at + PLACES] = 0
            push(table[at + COUNT], table[at], heap, state)
    for i in range(1, len(cells) // 2):
        left, right = cells[2 * i - 2], cells[2 * i]
        if left < 0 or right < 0:
            continue
        at = slot_of(table, pair_key(left, right))
        if table[at + COUNT] >= bar:
            places[table[at + FIRST] + table[at + PLACES]] = i - 1
            table[at + PLACES] += 1


@jit
def _move_pairs(bar, old_table, table, heap, state):
    for slot in range(0, len(table), PAIR_SLOT):
        table[slot] = EMPTY
    # The heap is made anew as well: it must not hold more than the pairs that the table does.
    state[PAIRS] = 0
    state[HEAP] = 0
    for slot in range(0, len(old_table), PAIR_SLOT):
        if old_table[slot] == EMPTY or old_table[slot + 1] < bar:
            continue
        at = slot_of(table, old_table[slot])
        table[at] = old_table[slot]
        table[at + COUNT] = old_table[slot + 1]
        table[at + FIRST] = old_table[slot + 2]
        table[at + PLACES] = old_table[slot + 3]
        state[PAIRS] += 1
        push(table[at + COUNT], table[at], heap, state)
    return 0


def move_pairs(a):
    """Move the pairs that may still be merged to a larger table and heap.

    Arguments: least count; old table; table and heap: written; state.
    """
    return _move_pairs(number(a, 0), i64(a, 1), i64(a, 2), i64(a, 3), i64(a, 4))


@jit
def _lay_words(symbols, ends, times, cells):
    i, start = 0, np.int64(0)
    for word in range(len(ends)):
        cells[i] = GONE
        i += 2
        weight = times[word]
        if weight > 0x7FFFFFFF:
            weight = np.int64(-1 - word)
        for k in range(start, ends[word]):
            cells[i] = symbols[k]
            cells[i + 1] = weight
            i += 2
        start = ends[word]
    cells[i] = GONE
    return 0


def lay_words(a):
    """Write words as cells: the symbol, and how often the word occurs, or which word it is where that is too large.

    A cell before each word, and one behind the last, are none of theirs. Arguments: symbols (int32, of all words),
    ends of the words, how often each occurs; cells: written, two int32 for each symbol, each word and one more.
    """
    return _lay_words(i32(a, 0), i64(a, 1), i64(a, 2), i32(a, 3))
