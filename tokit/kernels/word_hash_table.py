"""Open-addressing tables of byte strings, with a value for each.

A word of up to eight bytes is its own key in the first table: a probe compares two numbers, and four slots share a
cache line. In the second table a word of up to 16 bytes is its own key too; a longer one has its hash and length there
and its bytes in an arena, where they are compared: a collision is never taken for a match. Words that end in a zero
byte are treated like long ones, as a key could not tell that zero from no byte.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import inlined, jit, load64
from tokit.kernels.layout import LONG_SLOT, PLACE, REST, SHORT_SLOT

# Bytes of the longest word in the first table, and of the longest that is its own key in the second.
SHORT, MIDDLE = 8, 16
_K0 = np.uint64(0x9E3779B97F4A7C15)
_K1 = np.uint64(0xC2B2AE3D27D4EB4F)
_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)


@inlined
def short_key(text, start, length):
    """A word of up to eight bytes as a number."""
    return load64(text, start) & (_ONES >> np.uint64(64 - 8 * length))


@inlined
def is_short(key, length):
    """Check that the key of a word holds all of it: a zero at its end would look like no byte."""
    return (key >> np.uint64(8 * (length - 1))) != 0


@inlined
def mix(key):
    """A hash of a number, good in its upper half."""
    h = key * _K0
    h ^= h >> np.uint64(32)
    return h * _K1


@inlined
def home_of(table, key):
    """The offset in `table` of the slot where the search for a key begins.

    Offsets are unsigned: a signed one would be looked at each time whether it counts from the end.
    """
    return ((mix(key) >> np.uint64(32)) * np.uint64(SHORT_SLOT)) & np.uint64(len(table) - 1)


@inlined
def find_short(table, key, home):
    """The offset in `table` of a key's slot, or of the free slot where it belongs."""
    at = np.uint64(home)
    while table[at] != key and table[at] != 0:
        at = (at + np.uint64(SHORT_SLOT)) & np.uint64(len(table) - 1)
    return at


@inlined
def middle_rest(text, start, length):
    """The second number of the key of a word of nine to 16 bytes."""
    return load64(text, start + SHORT) & (_ONES >> np.uint64(64 - 8 * (length - SHORT)))


@inlined
def is_middle(rest, length):
    """Check that the key of a word of nine to 16 bytes holds all of it."""
    return (rest >> np.uint64(8 * (length - SHORT - 1))) != 0


@jit
def hash_of(text, start, length):
    """A hash of a word."""
    h = np.uint64(length) * _K1
    i = 0
    while i + 8 <= length:
        h = (h ^ load64(text, start + i)) * _K0
        h ^= h >> np.uint64(29)
        i += 8
    if i < length:
        h = (h ^ (load64(text, start + i) & (_ONES >> np.uint64(64 - 8 * (length - i))))) * _K1
    return h ^ (h >> np.uint64(32))


@inlined
def middle_home(table, key, rest):
    """The offset in the second table of the slot where the search for a key begins."""
    return ((mix(key ^ (rest * _K1)) >> np.uint64(32)) * np.uint64(LONG_SLOT)) & np.uint64(len(table) - 1)


@inlined
def find_middle(table, key, rest, home):
    """The offset in the second table of a key's slot, or of the free slot where it belongs."""
    at = np.uint64(home)
    while table[at + REST] != 0 and (table[at] != key or table[at + REST] != rest or table[at + PLACE] != 0):
        at = (at + np.uint64(LONG_SLOT)) & np.uint64(len(table) - 1)
    return at


@inlined
def _same_bytes(text, start, arena, place, length):
    k = np.int64(0)
    while k + 8 <= length:
        if load64(text, start + k) != load64(arena, place + k):
            return False
        k += 8
    while k < length:
        if text[start + k] != arena[place + k]:
            return False
        k += 1
    return True


@inlined
def long_home(table, key):
    """The offset in the second table where the search for a word of the arena begins; `key` is its hash."""
    return ((mix(key) >> np.uint64(32)) * np.uint64(LONG_SLOT)) & np.uint64(len(table) - 1)


@jit
def seek_long(table, arena, text, start, length, key):
    """Find a word of the arena: the offset of its slot, or of the free slot for it, and whether it is there."""
    at = long_home(table, key)
    while table[at + REST] != 0:
        if table[at] == key and table[at + REST] == np.uint64(length) and table[at + PLACE] != 0:
            if _same_bytes(text, start, arena, np.int64(table[at + PLACE]), length):
                return at, True
        at = (at + np.uint64(LONG_SLOT)) & np.uint64(len(table) - 1)
    return at, False


@inlined
def find_long(table, arena, text, start, length, key):
    """The offset of a word's slot, or of the free slot for it."""
    return seek_long(table, arena, text, start, length, key)[0]


@jit
def keep_long(table, at, key, arena, used, text, start, length):
    """Fill a free slot of the second table and copy the word into the arena; returns the arena's new end."""
    table[at] = key
    table[at + REST] = np.uint64(length)
    table[at + PLACE] = np.uint64(used)
    for k in range(length):
        arena[used + k] = text[start + k]
    return used + length
