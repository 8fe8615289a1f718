"""WordPiece: a word as the longest pieces of the vocabulary, from the left.

Pieces are looked up in tables of words, one for the beginnings of words and one for what follows them.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import (
    inlined,
    jit,
    load64,
)
from tokit.kernels.layout import (
    LONG_VALUE,
    SHORT_VALUE,
)
from tokit.kernels.word_hash_table import (
    MIDDLE,
    SHORT,
    find_long,
    find_middle,
    find_short,
    hash_of,
    home_of,
    is_middle,
    is_short,
    middle_home,
    middle_rest,
    short_key,
)


@inlined
def _vocabulary_id(shorts, longs, arena, text, start, length):
    """Look up a piece in tables whose values are ids plus one; -1 if it is not there."""
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
def longest_pieces(text, start, length, limit, unknown, heads, tails, ids):
    """Match the longest piece of the vocabulary, again and again; the unknown id if none matches.

    Args:
        text: Bytes; seven more than the word has must be there.
        start: Where the word begins.
        length: In bytes.
        limit: A word of more characters is unknown.
        unknown: The id.
        heads: Tables (shorts, longs, arena) of all pieces.
        tails: The same of continuation pieces, without their prefix.
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
