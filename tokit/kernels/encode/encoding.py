"""Text to ids: pre-tokens looked up in a cache, and those that are not there encoded and kept.

The cache has two tables. In the first a word of up to 15 bytes is its own key, two numbers, of which the second also
says its length, and its slot, half a cache line, holds up to four ids. The second has the hash and the length of any
other word, whose bytes lie in an arena, where they are compared. A value is two ids of 28 bits, where they are wanted
as two of 32, and how many there are (four bits between them); of more than a slot can hold it says only where in `runs`
they lie, their number before them. When the cache is full, new words are encoded each time they occur.

Threads share the cache without locks. A slot is claimed by one thread, and its value is the last thing to be stored:
whoever sees a slot without a value takes the word for a new one, and encodes it without keeping it. The value is looked
at before what else the slot holds, and only where the word was found: a slot that was free a moment ago may be
another's.

The models: byte-level BPE; whole words out of a vocabulary, with an unknown id for the rest; WordPiece.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import (
    claim,
    i32,
    i64,
    inlined,
    jit,
    load64,
    number,
    observe,
    prefetch,
    publish,
    store64,
    take,
    u8,
    u32,
    u64,
)
from tokit.kernels.layout import (
    CACHED_BYTES,
    CACHED_FAR,
    CACHED_IDS,
    CACHED_NEAR,
    DOCUMENT,
    DONE,
    ENCODE_BATCH,
    LONG_SLOT,
    LONG_VALUE,
    LONG_WORD,
    NEAR,
    NEAR_SLOT,
    NEEDED,
    NO_PAIR,
    NO_RANK,
    PIECE_BITS,
    PIECES,
    PLACE,
    POSITION,
    RANK_BITS,
    REST,
    RUNS,
    SHORT_VALUE,
    SPACE,
    WORDS,
    WRITTEN,
)
from tokit.kernels.pretokenize.cutting import LEFT, cut, take_window, window_end
from tokit.kernels.train.word_hash_table import (
    MIDDLE,
    SHORT,
    find_long,
    find_middle,
    find_short,
    hash_of,
    home_of,
    is_middle,
    is_short,
    long_home,
    middle_home,
    middle_rest,
    seek_long,
    short_key,
)

# A longer word is not kept: it hardly comes again, and would fill the arena.
LONGEST_KEPT = 256
TAIL, IDS, MORE_IDS = np.uint64(1), np.uint64(2), np.uint64(3)
# No home in the first table.
FAR = np.uint64(0xFFFFFFFFFFFFFFFF)
# Up to so many symbols the best pair is found by looking at all; beyond, a heap keeps them in order.
FEW = 48
# Where a value says how many ids there are, and what is left of it without that: two ids.
COUNT_BITS, COUNT = np.uint64(28), np.uint64(15)
PAIR_OF_IDS = np.uint64(0xFFFFFFFF0FFFFFFF)
# Ids of a word that its slot can hold, in either table; what says that there are more.
NEAR_IDS, FAR_IDS, MANY = 4, 2, 15
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)
_K1 = np.uint64(0xC2B2AE3D27D4EB4F)


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
    """The same for many ids: a heap of (rank, place), places linked to their neighbors.

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
            return np.int64(shorts[find_short(shorts, key, home_of(shorts, key)) + SHORT_VALUE]) - 1
    if SHORT < length <= MIDDLE:
        rest = middle_rest(text, start, length)
        if is_middle(rest, length):
            return (
                np.int64(
                    longs[
                        find_middle(longs, load64(text, start), rest, middle_home(longs, load64(text, start), rest))
                        + LONG_VALUE
                    ]
                )
                - 1
            )
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
def _head_key(text, start, length):
    """The first eight bytes of a word, or fewer."""
    return load64(text, start) & (_ONES >> np.uint64(64 - 8 * min(length, SHORT)))


@inlined
def _tail_key(text, start, length):
    """The bytes behind them and the length: of a word of up to NEAR bytes, and never zero."""
    bits = np.uint64(8 * max(length - SHORT, 0)) & np.uint64(63)
    rest = load64(text, start + SHORT) & ((np.uint64(1) << bits) - np.uint64(1))
    return rest | (np.uint64(length) << np.uint64(56))


@inlined
def _is_near(length, head):
    """Whether a word's place is in the first table: a head of zero could not be told from one still to be stored."""
    return length <= NEAR and head != 0


@inlined
def _near_home(nears, head, tail):
    # The upper half, on which every byte has a bearing, as a share of all slots.
    h = (head * _SPREAD + tail * _K1) >> np.uint64(32)
    return ((h * np.uint64(len(nears) // NEAR_SLOT)) >> np.uint64(32)) * np.uint64(NEAR_SLOT)


@inlined
def _seek_near(nears, head, tail, home):
    """The offset of a word's slot and whether it is there, or of the free slot where it belongs."""
    at = np.uint64(home)
    while nears[at] != head or nears[at + TAIL] != tail:
        if nears[at + TAIL] == 0:
            return at, False
        at = (at + np.uint64(NEAR_SLOT)) & np.uint64(len(nears) - 1)
    return at, True


@inlined
def _value_of(ids, count, most, runs, fill):
    """The cache's value for some ids, of which a slot holds `most`; 0 when `runs` has no room for them."""
    if count <= most:
        second = np.uint64(ids[1] if count > 1 else 0) << np.uint64(32)
        return (np.uint64(count) << COUNT_BITS) | np.uint64(ids[0]) | second
    at = np.int64(len(runs)) if fill[CACHED_IDS] + count + 1 > len(runs) else take(fill, CACHED_IDS, count + 1)
    if at + count + 1 > len(runs):
        return np.uint64(0)
    runs[at] = count
    for k in range(count):
        runs[at + 1 + k] = ids[k]
    return (np.uint64(MANY) << COUNT_BITS) | (np.uint64(at) << np.uint64(32))


@inlined
def _learn_near(head, tail, ids, count, nears, runs, fill):
    if (fill[CACHED_NEAR] + 1) * 2 * NEAR_SLOT > len(nears):
        return
    at, known = _seek_near(nears, head, tail, _near_home(nears, head, tail))
    if not known and claim(nears, at + TAIL, tail):
        take(fill, CACHED_NEAR, 1)
        publish(nears, at, head)
        if 2 < count <= NEAR_IDS:
            nears[at + MORE_IDS] = np.uint64(ids[2]) | (np.uint64(ids[3] if count > 3 else 0) << np.uint64(32))
        publish(nears, at + IDS, _value_of(ids, count, NEAR_IDS, runs, fill))


@inlined
def _learn_far(text, start, length, ids, count, fars, arena, runs, fill):
    if (fill[CACHED_FAR] + 1) * 2 * LONG_SLOT > len(fars) or fill[CACHED_BYTES] + length > len(arena):
        return
    key = hash_of(text, start, length)
    at, known = seek_long(fars, arena, text, start, length, key)
    if known:
        return
    place = take(fill, CACHED_BYTES, length)
    if place + length > len(arena):
        return
    for k in range(length):
        arena[place + k] = text[start + k]
    if claim(fars, at + REST, np.uint64(length)):
        take(fill, CACHED_FAR, 1)
        publish(fars, at + PLACE, np.uint64(place))
        publish(fars, at, key)
        publish(fars, at + LONG_VALUE, _value_of(ids, count, FAR_IDS, runs, fill))


@jit
def _learn(text, start, length, count, ids, cache):
    """Keep the ids of a word, when there is room. No bytes are no word: their slot would look like a free one."""
    if length == 0:
        return
    nears, fars, arena, runs, fill = cache
    head = _head_key(text, start, length)
    if _is_near(length, head):
        _learn_near(head, _tail_key(text, start, length), ids, count, nears, runs, fill)
    else:
        _learn_far(text, start, length, ids, count, fars, arena, runs, fill)


@jit
def _write_many(value, runs, out, written):
    """Ids of a word that has more than two; returns ids written so far."""
    at = np.int64(value >> np.uint64(32))
    size = np.int64(runs[at])
    for j in range(size):
        out[written + j] = runs[at + 1 + j]
    return written + size


@jit
def _write_new(text, start, length, model, work, cache, out, written):
    """Ids of a word that the cache does not have, which then has it; returns ids written so far."""
    kind, unknown, limit, symbols, pairs, merged, heads, tails = model
    size = _encode_word(text, start, length, kind, unknown, limit, symbols, pairs, merged, heads, tails, work)
    for j in range(size):
        out[written + j] = work[0][j]
    if kind != WORDS and length <= LONGEST_KEPT:
        _learn(text, start, length, size, work[0], cache)
    return written + size


@inlined
def _look_ahead(text, starts, first, last, nears, fars, batch):
    """Keys of a batch of words, or their hashes; their slots are on their way from memory before they are needed."""
    heads, tails, homes = batch[0], batch[1], batch[2]
    start = np.int64(starts[first])
    for k in range(first, last):
        end = np.int64(starts[k + np.uint64(1)])
        length = end - start
        head = _head_key(text, start, length)
        if _is_near(length, head):
            tail = _tail_key(text, start, length)
            home = _near_home(nears, head, tail)
            prefetch(nears, np.int64(home))
            heads[k - first] = head
            tails[k - first] = tail
            homes[k - first] = home
        else:
            key = hash_of(text, start, length)
            prefetch(fars, np.int64(long_home(fars, key)))
            heads[k - first] = key
            homes[k - first] = FAR
        start = end


@jit
def _encode_window(text, starts, count, classes, drop, out, model, work, cache, batch, state):
    """Encode the pre-tokens of a window; returns ids written so far, or -1 when one is too long.

    Before each pre-token `before` says how many ids there are.
    """
    nears, fars, arena, runs = cache[:4]
    heads, tails, homes, before = batch
    written = np.uint64(state[WRITTEN])
    # Unsigned, as a signed offset would be looked at each time whether it counts from the end.
    for first in range(np.uint64(0), np.uint64(count), np.uint64(ENCODE_BATCH)):
        last = min(first + np.uint64(ENCODE_BATCH), np.uint64(count))
        _look_ahead(text, starts, first, last, nears, fars, batch)
        for k in range(first, last):
            before[k] = written
            j = k - first
            if drop and classes[np.uint64(starts[k]) + np.uint64(LEFT)] & SPACE:
                continue
            if homes[j] == FAR:
                start = np.int64(starts[k])
                length = np.int64(starts[k + np.uint64(1)]) - start
                at, known = seek_long(fars, arena, text, start, length, heads[j])
                value = observe(fars, at + LONG_VALUE) if known else np.uint64(0)
                more = np.uint64(0)
            else:
                at, known = _seek_near(nears, heads[j], tails[j], homes[j])
                value = observe(nears, at + IDS) if known else np.uint64(0)
                more = nears[at + MORE_IDS]
            size = (value >> COUNT_BITS) & COUNT
            # Four ids are written whatever the word has: the next word writes over what is too much.
            store64(out, written, value & PAIR_OF_IDS)
            store64(out, written + np.uint64(2), more)
            if np.uint64(0) < size <= np.uint64(NEAR_IDS):
                written += size
            elif size == np.uint64(MANY):
                written = np.uint64(_write_many(value, runs, out, np.int64(written)))
            else:
                start = np.int64(starts[k])
                length = np.int64(starts[k + np.uint64(1)]) - start
                if length > len(work[1]):
                    state[NEEDED] = length
                    return np.int64(-1)
                written = np.uint64(_write_new(text, start, length, model, work, cache, out, np.int64(written)))
    before[count] = written
    return np.int64(written)


@jit
def _encode_block(data, ends, cutter, model, cache, scratch, batch, work, out, out_ends, state):
    pages, values, style, group, steps = cutter
    text, classes, marks, starts = scratch
    before = batch[3]
    while state[POSITION] < ends[-1]:
        begin = state[POSITION]
        document = state[DOCUMENT]
        end = window_end(data, ends, document, begin, style)
        next_document = take_window(data, ends, document, begin, end, text, marks)
        count = cut(text, end - begin, pages, values, style, group, steps, classes, marks, starts)
        drop = style == RUNS
        written = _encode_window(
            text, starts, count, classes, drop, out, model, work, cache, batch, state
        )  # fmt: skip
        if written < 0:
            return LONG_WORD
        word = np.uint64(0)
        while document < next_document:
            # `starts` ends with the window itself.
            while starts[word] < ends[document] - begin:
                word += np.uint64(1)
            out_ends[document] = before[word]
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
    follows; the cache: nears, fars, arena, runs, and how full they are; text, classes, marks (zero), starts: scratch,
    MARGIN longer than the data; heads, tails, homes (ENCODE_BATCH long), before (as long as the data, and MARGIN); ids,
    before, after, ranks, heap: scratch for the longest pre-token; out: ids, as long as the data and MARGIN more; ends
    of the documents in it; state.

    Returns:
        DONE, or LONG_WORD when a pre-token of state[NEEDED] bytes needs more scratch.
    """
    return _encode_block(
        u8(a, 0), i64(a, 1),
        (i32(a, 2), u8(a, 3), number(a, 4), number(a, 5), i32(a, 6)),
        (number(a, 7), number(a, 8), number(a, 9), u32(a, 10), u64(a, 11), u32(a, 12),
         (u64(a, 13), u64(a, 14), u8(a, 15)), (u64(a, 16), u64(a, 17), u8(a, 18))),
        (u64(a, 19), u64(a, 20), u8(a, 21), u32(a, 22), i64(a, 23)),
        (u8(a, 24), u8(a, 25), u8(a, 26), i32(a, 27)), (u64(a, 28), u64(a, 29), u64(a, 30), i64(a, 31)),
        (u32(a, 32), i32(a, 33), i32(a, 34), u32(a, 35), u64(a, 36)),
        u32(a, 37), i64(a, 38), i64(a, 39),
    )  # fmt: skip


@jit
def _seed_words(data, ends, ids, cache):
    for k in range(len(ends)):
        start = ends[k - 1] if k else np.int64(0)
        _learn(data, start, ends[k] - start, 1, ids[k:], cache)
    return 0


def seed_words(a):
    """Put whole words into the cache. Arguments: data (MARGIN longer), ends, ids; the cache as in `encode_block`."""
    return _seed_words(
        u8(a, 0), i64(a, 1), u32(a, 2), (u64(a, 3), u64(a, 4), u8(a, 5), u32(a, 6), i64(a, 7))
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
