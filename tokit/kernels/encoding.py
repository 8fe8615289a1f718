"""Text to ids: pre-tokens looked up in a cache, and those that are not there encoded and kept.

The cache is the tables of `words`. A value is how many ids a word has (one byte) and the ids themselves, up to two of
28 bits each; of more the value says only where in `runs` they lie, the count before them. When the cache is full, new
words are encoded each time they occur.

The models: byte-level BPE; whole words out of a vocabulary, with an unknown id for the rest; WordPiece.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.cutting import LEFT, RUNS, SPACE, cut, take_window, window_end
from tokit.kernels.memory import i32, i64, inlined, jit, load64, number, u8, u32, u64
from tokit.kernels.words import (
    LONG_SLOT,
    LONG_VALUE,
    MIDDLE,
    REST,
    SHORT,
    SLOT,
    VALUE,
    find_long,
    find_middle,
    find_short,
    hash_of,
    home_of,
    is_middle,
    is_short,
    keep_long,
    middle_rest,
    short_key,
)

BPE, WORDS, PIECES = 0, 1, 2
# Places in the state: where the block goes on, ids written, and how full the cache is.
POSITION, DOCUMENT, WRITTEN, SHORTS, LONGS, ARENA, RUN_END, NEEDED = 0, 1, 2, 3, 4, 5, 6, 7
DONE, LONG_WORD = 0, 1
# Up to so many symbols the best pair is found by looking at all; beyond, a heap keeps them in order.
FEW = 48
ID_BITS = 28
ID_MASK = (1 << ID_BITS) - 1
MANY = 255
NO_PAIR = np.uint64(0xFFFFFFFFFFFFFFFF)
# A pair and its rank in one number: 21 + 21 + 22 bits.
PIECE_BITS, RANK_BITS = 21, 22
NO_RANK = (1 << RANK_BITS) - 1
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@inlined
def _rank_of(pairs, left, right):
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
def _merge_few(count, pairs, merged, ids, ranks):
    """Apply the best merge of some ids until there is none, leftmost first; returns how many ids are left."""
    for k in range(count - 1):
        ranks[k] = _rank_of(pairs, ids[k], ids[k + 1])
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
            ranks[best - 1] = _rank_of(pairs, ids[best - 1], ids[best])
        if best + 1 < count:
            ranks[best] = _rank_of(pairs, ids[best], ids[best + 1])
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
    """Put a place with its rank on the heap, if it has one; returns the heap's new size."""
    if ranks[place] == NO_RANK:
        return size
    heap[size] = (np.uint64(ranks[place]) << np.uint64(32)) | np.uint64(place)
    _sift_up(heap, size)
    return size + 1


@jit
def _merge_many(count, pairs, merged, ids, before, after, ranks, heap):
    """The same for many ids: a heap of (rank, place), places linked to their neighbours.

    Args:
        count: Of ids.
        pairs: Ranks of pairs.
        merged: The id that each rank makes.
        ids: Symbols; the result stands at its beginning.
        before: Scratch, `count` long.
        after: The same.
        ranks: The same: of each place and its present neighbour on the right.
        heap: Scratch, three times as long; rank << 32 | place.
    """
    size = np.int64(0)
    for k in range(count):
        before[k] = k - 1
        after[k] = k + 1
        ranks[k] = _rank_of(pairs, ids[k], ids[k + 1]) if k + 1 < count else np.uint32(NO_RANK)
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
            ranks[place] = _rank_of(pairs, ids[place], ids[after[place]])
            size = _push(heap, size, ranks, place)
        left = np.int64(before[place])
        if left >= 0:
            ranks[left] = _rank_of(pairs, ids[left], ids[place])
            size = _push(heap, size, ranks, left)
    kept = np.int64(0)
    k = np.int64(0)
    while k < count:
        ids[kept] = ids[k]
        kept += 1
        k = np.int64(after[k])
    return kept


@inlined
def _vocabulary_id(shorts, longs, arena, text, start, length):
    """The id of a piece in tables whose values are ids plus one; -1 if it is not there."""
    if length <= SHORT:
        key = short_key(text, start, length)
        if is_short(key, length):
            return np.int64(shorts[find_short(shorts, key, home_of(shorts, key)) + VALUE]) - 1
    if SHORT < length <= MIDDLE:
        rest = middle_rest(text, start, length)
        if is_middle(rest, length):
            return np.int64(longs[find_middle(longs, load64(text, start), rest) + LONG_VALUE]) - 1
    at = find_long(longs, arena, text, start, length, hash_of(text, start, length))
    return np.int64(longs[at + LONG_VALUE]) - 1


@jit
def _pieces_of(text, start, length, limit, unknown, heads, tails, ids):
    """WordPiece: the longest piece of the vocabulary that fits, again and again; the unknown id if none does.

    Args:
        text: Bytes; seven more than the word has must be there.
        start: Where the word begins.
        length: In bytes.
        limit: A word of more characters is unknown.
        unknown: The id.
        heads: Tables (shorts, longs, arena) of all pieces.
        tails: The same of pieces that go on within a word, without their prefix.
        ids: Written.
    """
    characters = 0
    for k in range(start, start + length):
        characters += text[k] & 0xC0 != 0x80
    ids[0] = unknown
    if characters > limit:
        return 1
    count = 0
    at = start
    while at < start + length:
        tables = heads if at == start else tails
        end = start + length
        found = np.int64(-1)
        while end > at:
            found = _vocabulary_id(tables[0], tables[1], tables[2], text, at, end - at)
            if found >= 0:
                break
            end -= 1
            while end > at and text[end] & 0xC0 == 0x80:
                end -= 1
        if found < 0:
            ids[0] = unknown
            return 1
        ids[count] = found
        count += 1
        at = end
    return count


@jit
def _encode_word(text, start, length, model, unknown, limit, symbols, pairs, merged, heads, tails, work):
    """Ids of a word that the cache does not have, into the first array of `work`; how many they are."""
    ids = work[0]
    if model == WORDS:
        ids[0] = unknown
        return np.int64(1)
    if model == PIECES:
        return np.int64(_pieces_of(text, start, length, limit, unknown, heads, tails, ids))
    for k in range(length):
        ids[k] = symbols[text[start + k]]
    if length <= FEW:
        return np.int64(_merge_few(length, pairs, merged, ids, work[3]))
    return np.int64(_merge_many(length, pairs, merged, ids, work[1], work[2], work[3], work[4]))


@inlined
def _value_of(ids, count, runs, state):
    """The cache's value for some ids; 0 when `runs` has no room for them."""
    if count <= 2:
        value = np.uint64(count) | (np.uint64(ids[0]) << np.uint64(8))
        if count == 2:
            value |= np.uint64(ids[1]) << np.uint64(8 + ID_BITS)
        return value
    at = state[RUN_END]
    if at + count + 1 > len(runs):
        return np.uint64(0)
    runs[at] = count
    for k in range(count):
        runs[at + 1 + k] = ids[k]
    state[RUN_END] = at + count + 1
    return np.uint64(MANY) | (np.uint64(at) << np.uint64(8))


@jit
def _learn(text, start, length, count, ids, shorts, longs, arena, runs, state):
    """Keep the ids of a word, when there is room."""
    if length <= SHORT:
        key = short_key(text, start, length)
        if is_short(key, length):
            if (state[SHORTS] + 1) * 2 * SLOT <= len(shorts):
                value = _value_of(ids, count, runs, state)
                if value:
                    at = find_short(shorts, key, home_of(shorts, key))
                    shorts[at] = key
                    shorts[at + VALUE] = value
                    state[SHORTS] += 1
            return
    if (state[LONGS] + 1) * 2 * LONG_SLOT > len(longs):
        return
    if SHORT < length <= MIDDLE:
        rest = middle_rest(text, start, length)
        if is_middle(rest, length):
            value = _value_of(ids, count, runs, state)
            if value:
                at = find_middle(longs, load64(text, start), rest)
                longs[at] = load64(text, start)
                longs[at + REST] = rest
                longs[at + LONG_VALUE] = value
                state[LONGS] += 1
            return
    if state[ARENA] + length > len(arena):
        return
    value = _value_of(ids, count, runs, state)
    if value:
        key = hash_of(text, start, length)
        at = find_long(longs, arena, text, start, length, key)
        state[ARENA] = keep_long(longs, at, key, arena, state[ARENA], text, start, length)
        longs[at + LONG_VALUE] = value
        state[LONGS] += 1


@inlined
def _cached(text, start, length, shorts, longs, arena):
    """The cache's value for a word; 0 when it is not there."""
    if length <= SHORT:
        key = short_key(text, start, length)
        if is_short(key, length):
            return shorts[find_short(shorts, key, home_of(shorts, key)) + VALUE]
    elif length <= MIDDLE:
        rest = middle_rest(text, start, length)
        if is_middle(rest, length):
            return longs[find_middle(longs, load64(text, start), rest) + LONG_VALUE]
    return longs[find_long(longs, arena, text, start, length, hash_of(text, start, length)) + LONG_VALUE]


@jit
def _encode_span(text, starts, first, last, classes, drop, written, out, model, unknown, limit, symbols, pairs, merged,
                 heads, tails, work, shorts, longs, arena, runs, state):  # fmt: skip
    """Encode the pre-tokens [first, last) of a window; returns ids written so far, or -1 when one is too long."""
    for k in range(first, last):
        start = np.int64(starts[k])
        length = np.int64(starts[k + 1]) - start
        if drop and classes[start + LEFT] & SPACE:
            continue
        value = _cached(text, start, length, shorts, longs, arena)
        count = value & np.uint64(0xFF)
        # Two ids are written whatever the word has: the next word writes over what is too much.
        out[written] = (value >> np.uint64(8)) & np.uint64(ID_MASK)
        out[written + 1] = value >> np.uint64(8 + ID_BITS)
        if np.uint64(1) <= count <= np.uint64(2):
            written += np.int64(count)
            continue
        if count == np.uint64(MANY):
            at = np.int64(value >> np.uint64(8))
            size = np.int64(runs[at])
            for j in range(size):
                out[written + j] = runs[at + 1 + j]
            written += size
            continue
        if length > len(work[1]):
            state[NEEDED] = length
            return np.int64(-1)
        size = _encode_word(text, start, length, model, unknown, limit, symbols, pairs, merged, heads, tails, work)
        for j in range(size):
            out[written + j] = work[0][j]
        written += size
        if model != WORDS:
            _learn(text, start, length, size, work[0], shorts, longs, arena, runs, state)
    return written


@jit
def _encode_block(data, ends, cutter, model, cache, scratch, work, out, out_ends, state):
    pages, values, style, group, steps = cutter
    kind, unknown, limit, symbols, pairs, merged, heads, tails = model
    shorts, longs, arena, runs = cache
    text, classes, marks, starts = scratch
    total = ends[-1]
    drop = style == RUNS
    while state[POSITION] < total:
        begin = state[POSITION]
        document = state[DOCUMENT]
        end = window_end(data, ends, document, begin)
        next_document = take_window(data, ends, document, begin, end, text, marks)
        count = cut(text, end - begin, pages, values, style, group, steps, classes, marks, starts)
        written = state[WRITTEN]
        k = np.int64(0)
        while k < count:
            # Up to the end of the document, or of the window.
            stop = count
            if document < next_document:
                stop = k
                while stop < count and starts[stop] < ends[document] - begin:
                    stop += 1
            written = _encode_span(
                text, starts, k, stop, classes, drop, written, out, kind, unknown, limit, symbols, pairs, merged, heads,
                tails, work, shorts, longs, arena, runs, state,
            )  # fmt: skip
            if written < 0:
                return LONG_WORD
            k = stop
            while document < next_document and (k == count or ends[document] - begin <= starts[k]):
                out_ends[document] = written
                document += 1
        state[WRITTEN] = written
        state[POSITION] = end
        state[DOCUMENT] = next_document
    # Documents without text at the very end, or nothing but such.
    while state[DOCUMENT] < len(ends):
        out_ends[state[DOCUMENT]] = state[WRITTEN]
        state[DOCUMENT] += 1
    return DONE


def encode_block(a):
    """Encode the documents of a block, from where `state` says on.

    Arguments: data, ends (not empty); pages, values, style, group, steps: see `cutting.cut`; model (BPE, WORDS or
    PIECES), unknown id, longest word in characters, symbols (the id of each byte), pairs (see `index_pairs`), merged
    (the id that each rank makes); the tables of pieces, shorts, longs and arena, for the heads of words and for what
    follows; the cache: shorts, longs, arena, runs; text, classes, marks (zero), starts: scratch, MARGIN longer
    than the data; ids, before, after, ranks, heap: scratch for the longest pre-token; out: ids, as long as the data
    and MARGIN more; ends of the documents in it; state.

    Returns:
        DONE, or LONG_WORD when a pre-token of state[NEEDED] bytes needs more scratch.
    """
    return _encode_block(
        u8(a, 0), i64(a, 1),
        (i32(a, 2), u8(a, 3), number(a, 4), number(a, 5), i32(a, 6)),
        (number(a, 7), number(a, 8), number(a, 9), u32(a, 10), u64(a, 11), u32(a, 12),
         (u64(a, 13), u64(a, 14), u8(a, 15)), (u64(a, 16), u64(a, 17), u8(a, 18))),
        (u64(a, 19), u64(a, 20), u8(a, 21), u32(a, 22)),
        (u8(a, 23), u8(a, 24), u8(a, 25), i32(a, 26)),
        (u32(a, 27), i32(a, 28), i32(a, 29), u32(a, 30), u64(a, 31)),
        u32(a, 32), i64(a, 33), i64(a, 34),
    )  # fmt: skip


@jit
def _seed_words(data, ends, ids, shorts, longs, arena, runs, state):
    for k in range(len(ends)):
        start = ends[k - 1] if k else np.int64(0)
        _learn(data, start, ends[k] - start, 1, ids[k:], shorts, longs, arena, runs, state)
    return 0


def seed_words(a):
    """Put whole words into the cache. Arguments: data (MARGIN longer), ends, ids; shorts, longs, arena, runs; state."""
    return _seed_words(
        u8(a, 0), i64(a, 1), u32(a, 2), u64(a, 3), u64(a, 4), u8(a, 5), u32(a, 6), i64(a, 7)
    )  # fmt: skip


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
