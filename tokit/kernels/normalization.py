"""Find the documents that a normalizer may change: the quick check of Unicode's annex 15."""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import (
    i32,
    i64,
    inlined,
    jit,
    load64,
    number,
    u8,
    u64,
)
from tokit.kernels.layout import (
    CHANGES,
    COMPOSED,
    COMPOSES,
    RANK,
)
from tokit.kernels.pretokenize.character_classes import char_length, code_point

_HIGH = np.uint64(0x8080808080808080)


@inlined
def _compose(pairs, first, second):
    """Check that two characters are among the sorted pairs."""
    wanted = (np.uint64(first) << np.uint64(21)) | np.uint64(second)
    low = np.int64(0)
    high = np.int64(len(pairs))
    while low < high:
        middle = (low + high) >> 1
        if pairs[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low < len(pairs) and pairs[low] == wanted


@jit
def _may_change(data, i, end, pages, classes, plain, pairs):
    starter = np.int64(0)
    composed = False
    rank = 0
    while i < end:
        if plain and i + 8 <= end and load64(data, i) & _HIGH == 0:
            i += 8
            starter = np.int64(data[i - 1])
            composed = False
            rank = 0
            continue
        length = char_length(data[i])
        point = np.int64(data[i]) if length == 1 else code_point(data, i, length)
        i += length
        value = classes[pages[point >> 8] + (point & 255)]
        if value == CHANGES:
            return True
        if value & COMPOSES and (composed or _compose(pairs, starter, point)):
            return True
        own = value & RANK
        if own and own < rank:
            return True
        rank = own
        if own == 0:
            starter = point
            composed = value & COMPOSED != 0
    return False


@jit
def _find_changed(data, ends, pages, classes, plain, pairs, changed):
    start = np.int64(0)
    total = 0
    for document in range(len(ends)):
        changed[document] = _may_change(data, start, ends[document], pages, classes, plain, pairs)
        total += changed[document]
        start = ends[document]
    return total


def find_changed(a):
    """Mark the documents that a normalizer may change.

    Arguments: data, ends; pages: where in `classes` the page of 256 code points starts; classes: CHANGES, or 0 for a
    character that no neighbor changes, or an or of COMPOSED (can be decomposed), COMPOSES (see `pairs`) and the RANK of
    a mark, whose marks must be in order; whether all of ASCII is 0; pairs: first << 21 | second, sorted;
    changed: written, a byte a document.

    Returns:
        How many may change.
    """
    return _find_changed(u8(a, 0), i64(a, 1), i32(a, 2), u8(a, 3), number(a, 4), u64(a, 5), u8(a, 6))
