"""The cache of pre-tokens and their ids, which threads share without locks.

It has two tables. In the first a word of up to 15 bytes is its own key, two numbers, of which the second also holds its
length, and its slot, half a cache line, holds up to four ids. The second has the hash and the length of any other word,
whose bytes lie in an arena, where they are compared. A value is two ids of 28 bits, written out as two of 32, and
their number (four bits between them); for more ids than a slot can hold it is only their place in `runs`, where their
number stands before them. When the cache is full, new words are encoded each time they occur.

A slot is claimed by one thread, and its value is the last thing to be stored: a thread that sees a slot without a value
takes the word for a new one, and encodes it without keeping it. The value is read before the rest of the slot, and only
where the word was found: a slot that was free a moment ago may be another word's.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import (
    claim,
    i64,
    inlined,
    jit,
    load64,
    publish,
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
    LONG_SLOT,
    LONG_VALUE,
    NEAR,
    NEAR_SLOT,
    PLACE,
    REST,
)
from tokit.kernels.word_hash_table import (
    SHORT,
    hash_of,
    seek_long,
)

TAIL, IDS, MORE_IDS = np.uint64(1), np.uint64(2), np.uint64(3)
# Where a value holds the number of ids, and the rest of it: two ids.
COUNT_BITS, COUNT = np.uint64(28), np.uint64(15)
PAIR_OF_IDS = np.uint64(0xFFFFFFFF0FFFFFFF)
# Ids of a word that its slot can hold, in either table; and the number that means more.
NEAR_IDS, FAR_IDS, MANY = 4, 2, 15
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)
_K1 = np.uint64(0xC2B2AE3D27D4EB4F)


@inlined
def head_key(text, start, length):
    """The first eight bytes of a word, or all of a shorter one."""
    return load64(text, start) & (_ONES >> np.uint64(64 - 8 * min(length, SHORT)))


@inlined
def tail_key(text, start, length):
    """The other bytes of a word of up to NEAR bytes, and its length; never zero."""
    bits = np.uint64(8 * max(length - SHORT, 0)) & np.uint64(63)
    rest = load64(text, start + SHORT) & ((np.uint64(1) << bits) - np.uint64(1))
    return rest | (np.uint64(length) << np.uint64(56))


@inlined
def is_near(length, head):
    """Check that a word belongs in the first table: a head of zero would look like one not stored yet."""
    return length <= NEAR and head != 0


@inlined
def near_home(nears, head, tail):
    # The upper half, which depends on every byte, scaled to the number of slots.
    h = (head * _SPREAD + tail * _K1) >> np.uint64(32)
    return ((h * np.uint64(len(nears) // NEAR_SLOT)) >> np.uint64(32)) * np.uint64(NEAR_SLOT)


@inlined
def seek_near(nears, head, tail, home):
    """Find a word: the offset of its slot, or of the free slot for it, and whether it is there."""
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
def _keep_near(head, tail, ids, count, nears, runs, fill):
    if (fill[CACHED_NEAR] + 1) * 2 * NEAR_SLOT > len(nears):
        return
    at, known = seek_near(nears, head, tail, near_home(nears, head, tail))
    if not known and claim(nears, at + TAIL, tail):
        take(fill, CACHED_NEAR, 1)
        publish(nears, at, head)
        if 2 < count <= NEAR_IDS:
            nears[at + MORE_IDS] = np.uint64(ids[2]) | (np.uint64(ids[3] if count > 3 else 0) << np.uint64(32))
        publish(nears, at + IDS, _value_of(ids, count, NEAR_IDS, runs, fill))


@inlined
def _keep_far(text, start, length, ids, count, fars, arena, runs, fill):
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
def keep_word(text, start, length, count, ids, cache):
    """Keep the ids of a word if there is room. The empty word is not kept: its slot would look free."""
    if length == 0:
        return
    nears, fars, arena, runs, fill = cache
    head = head_key(text, start, length)
    if is_near(length, head):
        _keep_near(head, tail_key(text, start, length), ids, count, nears, runs, fill)
    else:
        _keep_far(text, start, length, ids, count, fars, arena, runs, fill)


@jit
def write_many(value, runs, out, written):
    """Write the ids of a word that has more than its slot holds; returns the ids written so far."""
    at = np.int64(value >> np.uint64(32))
    size = np.int64(runs[at])
    for j in range(size):
        out[written + j] = runs[at + 1 + j]
    return written + size


@jit
def _seed_words(data, ends, ids, cache):
    for k in range(len(ends)):
        start = ends[k - 1] if k else np.int64(0)
        keep_word(data, start, ends[k] - start, 1, ids[k:], cache)
    return 0


def seed_words(a):
    """Put whole words into the cache. Arguments: data (MARGIN longer), ends, ids; the cache as in `encode_block`."""
    return _seed_words(
        u8(a, 0), i64(a, 1), u32(a, 2), (u64(a, 3), u64(a, 4), u8(a, 5), u32(a, 6), i64(a, 7))
    )  # fmt: skip
