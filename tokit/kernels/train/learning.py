"""Learning merges: again and again the most frequent pair of neighboring symbols becomes a symbol.

A symbol lies in as many cells as it has first symbols in it; its first and its last cell hold it, so that its
neighbors are found without links. Each pair in the table knows its count and the places where it stands. A pair with
a new symbol stands only where that symbol was just made, so every place of it is found in one go, in order, and from
then on its count can only fall. So the heap may hold counts that are out of date: a pair that comes up with too high
a one is put back with the true one.

Most pairs never come up: those that occur less often than the last one that will be merged. The caller knows a bar
that is not above that one, and pairs below it are forgotten as soon as they arise.

The order is the reference's: highest count first, then the smallest (left id, right id); of overlapping pairs
("aaa" holds two) each counts, and they are merged from the left. Counts are int64, where the reference's 32 bits
overflow. Sennrich et al. 2016, https://aclanthology.org/P16-1162
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import i32, i64, inlined, jit, number, prefetch
from tokit.kernels.layout import DONE, FULL, HEAP, LISTED, MERGES, MORE, NEXT_ID, PAIR_SLOT, PAIRS, USED
from tokit.kernels.train.word_hash_table import spread

# Places in a slot of the table.
COUNT, FIRST, PLACES = np.uint64(1), np.uint64(2), np.uint64(3)
EMPTY = -1
# Between words.
GONE = -1
AHEAD = 8


@inlined
def _pair_key(left, right):
    return (np.int64(left) << 32) | np.int64(right)


@inlined
def _slot_of(table, key):
    """The offset of a pair's slot in the table, or of the free one where it belongs."""
    mask = np.uint64(len(table) - 1)
    at = ((spread(np.uint64(key)) >> np.uint64(32)) * np.uint64(PAIR_SLOT)) & mask
    while table[at] != EMPTY and table[at] != key:
        at = (at + np.uint64(PAIR_SLOT)) & mask
    return at


@inlined
def _weight(cells, times, i):
    """How often the word occurs in which a cell lies."""
    weight = np.int64(cells[2 * i + 1])
    return weight if weight >= 0 else times[-1 - weight]


@inlined
def _before(heap, k, count, key):
    """Whether an entry of the heap is merged before another pair."""
    return heap[2 * k] > count or (heap[2 * k] == count and heap[2 * k + 1] < key)


@jit
def _push(count, key, heap, state):
    k = state[HEAP]
    state[HEAP] = k + 1
    while k > 0:
        up = (k - 1) >> 2
        if _before(heap, up, count, key):
            break
        heap[2 * k], heap[2 * k + 1] = heap[2 * up], heap[2 * up + 1]
        k = up
    heap[2 * k], heap[2 * k + 1] = count, key


@jit
def _sink(count, key, heap, size):
    """Put an entry in place of the top one."""
    k = 0
    while 4 * k + 1 < size:
        child = 4 * k + 1
        for other in range(child + 1, min(child + 4, size)):
            if _before(heap, other, heap[2 * child], heap[2 * child + 1]):
                child = other
        if not _before(heap, child, count, key):
            break
        heap[2 * k], heap[2 * k + 1] = heap[2 * child], heap[2 * child + 1]
        k = child
    heap[2 * k], heap[2 * k + 1] = count, key


@jit
def _drop_top(heap, state):
    last = state[HEAP] - 1
    state[HEAP] = last
    if last > 0:
        _sink(heap[2 * last], heap[2 * last + 1], heap, last)


@jit
def _count_pairs(cells, times, table, state):
    """Count the pairs of first symbols. Returns FULL when there are too many."""
    room = len(table) // (2 * PAIR_SLOT)
    state[PAIRS] = 0
    for slot in range(0, len(table), PAIR_SLOT):
        table[slot] = EMPTY
    for i in range(1, len(cells) // 2):
        left, right = cells[2 * i - 2], cells[2 * i]
        if left < 0 or right < 0:
            continue
        key = _pair_key(left, right)
        at = _slot_of(table, key)
        if table[at] == EMPTY:
            if state[PAIRS] == room:
                return FULL
            state[PAIRS] += 1
            table[at] = key
            table[at + COUNT] = 0
            table[at + PLACES] = 0
        table[at + COUNT] += _weight(cells, times, i)
        table[at + PLACES] += 1
    return DONE


@jit
def _list_pairs(bar, cells, table, places, heap, state):
    """Put the pairs of first symbols that occur often enough on the heap, and write their places."""
    for slot in range(0, len(table), PAIR_SLOT):
        at = np.uint64(slot)
        if table[at] != EMPTY and table[at + COUNT] >= bar:
            table[at + FIRST] = state[USED]
            state[USED] += table[at + PLACES]
            table[at + PLACES] = 0
            _push(table[at + COUNT], table[at], heap, state)
    for i in range(1, len(cells) // 2):
        left, right = cells[2 * i - 2], cells[2 * i]
        if left < 0 or right < 0:
            continue
        at = _slot_of(table, _pair_key(left, right))
        if table[at + COUNT] >= bar:
            places[table[at + FIRST] + table[at + PLACES]] = i - 1
            table[at + PLACES] += 1


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
def _join(first, size, left, right, made, cells, times, lengths, places, lefts, rights, met_left, met_right, found):
    """Make the new symbol wherever the pair stands, and note its neighbors.

    Its places are gathered at the front of the pair's. `found`: how many these are, different neighbors on the left
    and on the right, how often two new symbols met, and their weight.
    """
    n_places, n_left, n_right, met, met_weight = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    middle, length = lengths[left], lengths[made]
    for k in range(first, first + size):
        if k + AHEAD < first + size:
            prefetch(cells, 2 * np.int64(places[k + AHEAD]))
        i = np.int64(places[k])
        if cells[2 * i] != left or cells[2 * (i + middle)] != right:
            continue
        weight = _weight(cells, times, i)
        before, behind = np.int64(cells[2 * (i - 1)]), np.int64(cells[2 * (i + length)])
        cells[2 * (i + middle)] = GONE
        cells[2 * i] = made
        cells[2 * (i + length - 1)] = made
        places[first + n_places] = i
        n_places += 1
        if before == made:
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
    at = _slot_of(table, _pair_key(left, right))
    if table[at] != EMPTY:
        table[at + COUNT] -= weight


@jit
def _remember(left, right, weight, size, bar, longest, lengths, table, heap, state):
    """Make room for the places of a new pair; returns where they begin, or -1 when the pair is not worth it."""
    if weight < bar or lengths[left] + lengths[right] >= longest:
        return np.int64(-1)
    key = _pair_key(left, right)
    at = _slot_of(table, key)
    first = state[USED]
    table[at] = key
    table[at + COUNT] = weight
    table[at + FIRST] = first
    table[at + PLACES] = size
    state[PAIRS] += 1
    state[USED] += size
    _push(weight, key, heap, state)
    return first


@jit
def _list_places(first, size, made, cells, lengths, lefts, rights, places):
    """Write the places of the new pairs; beside each neighbor stands where its next one goes, or -1."""
    length = lengths[made]
    for k in range(first, first + size):
        if k + AHEAD < first + size:
            prefetch(cells, 2 * np.int64(places[k + AHEAD]))
        i = np.int64(places[k])
        before, behind = np.int64(cells[2 * (i - 1)]), np.int64(cells[2 * (i + length)])
        if before >= 0 and before != made and lefts[2 * before + 1] >= 0:
            places[lefts[2 * before + 1]] = i - lengths[before]
            lefts[2 * before + 1] += 1
        if behind >= 0 and rights[2 * behind + 1] >= 0:
            places[rights[2 * behind + 1]] = i
            rights[2 * behind + 1] += 1


@jit
def _merge_pair(at, left, right, made, bar, longest, lengths, cells, times, table, places, heap, lefts, rights,
                met_left, met_right, found, state):  # fmt: skip
    lengths[made] = lengths[left] + lengths[right]
    first = table[at + FIRST]
    used = state[USED]
    _join(first, table[at + PLACES], left, right, made, cells, times, lengths, places, lefts, rights, met_left,
          met_right, found)  # fmt: skip
    size, n_left, n_right, met, met_weight = found[0], found[1], found[2], found[3], found[4]
    for k in range(n_left):
        symbol = np.int64(met_left[k])
        weight = lefts[2 * symbol]
        _lower(symbol, left, weight, table)
        lefts[2 * symbol + 1] = _remember(symbol, made, weight, lefts[2 * symbol + 1], bar, longest, lengths, table,
                                          heap, state)  # fmt: skip
    for k in range(n_right):
        symbol = np.int64(met_right[k])
        weight = rights[2 * symbol]
        _lower(right, symbol, weight, table)
        if symbol == left:
            # Where the next symbol was merged as well, two new ones have met.
            weight -= met_weight
            rights[2 * symbol + 1] -= met
        rights[2 * symbol + 1] = _remember(made, symbol, weight, rights[2 * symbol + 1], bar, longest, lengths, table,
                                           heap, state)  # fmt: skip
    rights[2 * made + 1] = -1
    if met > 0:
        rights[2 * made + 1] = _remember(made, made, met_weight, met, bar, longest, lengths, table, heap, state)
    if state[USED] > used:
        _list_places(first, size, made, cells, lengths, lefts, rights, places)
    for k in range(n_left):
        lefts[2 * np.int64(met_left[k])] = 0
        lefts[2 * np.int64(met_left[k]) + 1] = 0
    for k in range(n_right):
        rights[2 * np.int64(met_right[k])] = 0
        rights[2 * np.int64(met_right[k]) + 1] = 0
    rights[2 * made + 1] = 0
    table[at + COUNT] = 0


@jit
def _learn_merges(cells, times, lengths, table, places, heap, lefts, rights, met_left, met_right, found, limits,
                  merges, state):  # fmt: skip
    bar, longest, wanted, batch = limits
    room = len(table) // (2 * PAIR_SLOT)
    if state[LISTED] == 0:
        if _count_pairs(cells, times, table, state) == FULL:
            return FULL
        _list_pairs(bar, cells, table, places, heap, state)
        state[LISTED] = 1
    stop = min(wanted, state[MERGES] + batch)
    while state[MERGES] < stop and state[HEAP] > 0:
        key = heap[1]
        at = _slot_of(table, key)
        count = table[at + COUNT] if table[at] == key else np.int64(0)
        if count < bar:
            _drop_top(heap, state)
            continue
        if heap[0] != count:
            _sink(count, key, heap, state[HEAP])
            continue
        if state[PAIRS] + 2 * min(table[at + PLACES], count // bar) > room:
            return FULL
        _drop_top(heap, state)
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
        at = _slot_of(table, old_table[slot])
        table[at] = old_table[slot]
        table[at + COUNT] = old_table[slot + 1]
        table[at + FIRST] = old_table[slot + 2]
        table[at + PLACES] = old_table[slot + 3]
        state[PAIRS] += 1
        _push(table[at + COUNT], table[at], heap, state)
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
