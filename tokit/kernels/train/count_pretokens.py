"""Count pre-tokens in tables of words, block by block."""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import i32, i64, inlined, jit, load64, number, prefetch, u8, u64
from tokit.kernels.layout import (
    ARENA,
    COUNT_BATCH,
    COUNTED,
    DOCUMENT,
    DONE,
    FULL,
    LONG_SLOT,
    LONG_VALUE,
    LONGS,
    PLACE,
    POSITION,
    REST,
    RUNS,
    SHORT_SLOT,
    SHORT_VALUE,
    SHORTS,
    SPACE,
    WANTED,
)
from tokit.kernels.pretokenize.character_classes import LEFT
from tokit.kernels.pretokenize.windows import find_pretokens, take_window, window_end
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
    keep_long,
    middle_home,
    middle_rest,
    short_key,
)


@inlined
def _is_full(used, more, slots):
    """Check that a table should grow before it gets more words: half full, or three quarters with them."""
    return 2 * used > slots or 4 * (used + more) > 3 * slots


@jit
def _count_long(text, start, length, times, longs, arena, state):
    """Count a word that is not in the first table."""
    if SHORT < length <= MIDDLE:
        rest = middle_rest(text, start, length)
        if is_middle(rest, length):
            key = load64(text, start)
            at = find_middle(longs, key, rest, middle_home(longs, key, rest))
            if longs[at + REST] == 0:
                longs[at] = key
                longs[at + REST] = rest
                state[LONGS] += 1
            longs[at + LONG_VALUE] += times
            return
    key = hash_of(text, start, length)
    at = find_long(longs, arena, text, start, length, key)
    if longs[at + REST] == 0:
        state[LONGS] += 1
        state[ARENA] = keep_long(longs, at, key, arena, state[ARENA], text, start, length)
    longs[at + LONG_VALUE] += times


@inlined
def _lacks_room(shorts, longs, arena, size, state):
    """Check that there may be no room for a batch of words of `size` bytes."""
    full = _is_full(state[SHORTS], COUNT_BATCH, len(shorts) // SHORT_SLOT) or _is_full(
        state[LONGS], COUNT_BATCH, len(longs) // LONG_SLOT
    )
    return full or state[ARENA] + size > len(arena)


@jit
def _count_window(text, starts, count, classes, drop, shorts, longs, arena, keys, long_words, state):
    """Count the words of a window from state[COUNTED] on; returns how many of them are counted, all if they fit."""
    for first in range(state[COUNTED], count, COUNT_BATCH):
        size = np.int64(starts[min(first + COUNT_BATCH, count)]) - np.int64(starts[first])
        if _lacks_room(shorts, longs, arena, size, state):
            state[WANTED] = size
            return first
        # Short and long words are separated without a branch, and all slots of a batch are prefetched before the
        # first is read.
        n_keys = np.uint64(0)
        n_long = np.uint64(0)
        start = np.int64(starts[first])
        for k in range(first, min(first + COUNT_BATCH, count)):
            end = np.int64(starts[np.uint64(k + 1)])
            length = end - start
            wanted = not (drop and classes[start + LEFT] & SPACE)
            key = short_key(text, start, min(length, SHORT))
            short = length <= SHORT and is_short(key, min(length, SHORT))
            keys[n_keys] = key
            n_keys += np.uint64(wanted & short)
            long_words[n_long] = k
            n_long += np.uint64(wanted & (not short))
            prefetch(shorts, np.int64(home_of(shorts, key)))
            start = end
        for k in range(n_long):
            start = np.int64(starts[long_words[k]])
            length = np.int64(starts[long_words[k] + 1]) - start
            if SHORT < length <= MIDDLE:
                prefetch(longs, np.int64(middle_home(longs, load64(text, start), middle_rest(text, start, length))))
        for k in range(n_keys):
            key = keys[k]
            at = find_short(shorts, key, home_of(shorts, key))
            if shorts[at] == 0:
                shorts[at] = key
                state[SHORTS] += 1
            shorts[at + SHORT_VALUE] += np.uint64(1)
        for k in range(n_long):
            start = np.int64(starts[long_words[k]])
            length = np.int64(starts[long_words[k] + 1]) - start
            _count_long(text, start, length, np.uint64(1), longs, arena, state)
    return np.int64(count)


@jit
def _count_block(
    data,
    ends,
    pages,
    values,
    style,
    group,
    steps,
    shorts,
    longs,
    arena,
    text,
    classes,
    marks,
    starts,
    keys,
    long_words,
    state,
):
    while state[POSITION] < ends[-1]:
        begin = state[POSITION]
        end = window_end(data, ends, state[DOCUMENT], begin, style)
        size = end - begin
        document = take_window(data, ends, state[DOCUMENT], begin, end, text, marks)
        count = find_pretokens(text, size, pages, values, style, group, steps, classes, marks, starts)
        counted = _count_window(
            text, starts, count, classes, style == RUNS, shorts, longs, arena, keys, long_words, state
        )
        if counted < count:
            state[COUNTED] = counted
            return FULL
        state[COUNTED] = 0
        state[POSITION] = end
        state[DOCUMENT] = document
    return DONE


def count_block(a):
    """Count the pre-tokens of a block, from where `state` says on.

    Arguments: data, ends (not empty); pages, values, style, group, steps: see `find_pretokens`; shorts, longs, arena:
    what was counted; text, classes, marks (zero), starts: scratch, MARGIN longer than the data; keys,
    long_words: scratch, COUNT_BATCH long; state.

    Returns:
        DONE, or FULL when a table or the arena must grow before the next words.
    """
    return _count_block(
        u8(a, 0), i64(a, 1), i32(a, 2), u8(a, 3), number(a, 4), number(a, 5), i32(a, 6), u64(a, 7), u64(a, 8), u8(a, 9),
        u8(a, 10), u8(a, 11), u8(a, 12), i32(a, 13), u64(a, 14), i32(a, 15), i64(a, 16),
    )  # fmt: skip


@jit
def _pour_words(old_shorts, old_longs, old_arena, shorts, longs, arena, state):
    for slot in range(0, len(old_shorts), SHORT_SLOT):
        at = np.uint64(slot)
        key = old_shorts[at]
        if key == 0:
            continue
        to = find_short(shorts, key, home_of(shorts, key))
        if shorts[to] == 0:
            shorts[to] = key
            state[SHORTS] += 1
        shorts[to + SHORT_VALUE] += old_shorts[at + SHORT_VALUE]
    for slot in range(0, len(old_longs), LONG_SLOT):
        at = np.uint64(slot)
        rest = old_longs[at + REST]
        if rest == 0:
            continue
        key = old_longs[at]
        place = np.int64(old_longs[at + PLACE])
        length = np.int64(rest)
        if place:
            to = find_long(longs, arena, old_arena, place, length, key)
        else:
            to = find_middle(longs, key, rest, middle_home(longs, key, rest))
        if longs[to + REST] == 0:
            state[LONGS] += 1
            longs[to] = key
            longs[to + REST] = rest
            if place:
                state[ARENA] = keep_long(longs, to, key, arena, state[ARENA], old_arena, place, length)
        longs[to + LONG_VALUE] += old_longs[at + LONG_VALUE]
    return 0


def pour_words(a):
    """Add the counts of some tables to long_words that have room for them.

    Arguments: shorts, longs and arena of the ones; the same and the state of the long_words.
    """
    return _pour_words(u64(a, 0), u64(a, 1), u8(a, 2), u64(a, 3), u64(a, 4), u8(a, 5), i64(a, 6))


@jit
def _add_words(data, ends, counts, first, shorts, longs, arena, state):
    for k in range(first, len(ends)):
        start = ends[k - 1] if k else np.int64(0)
        length = ends[k] - start
        full = _is_full(state[SHORTS], 1, len(shorts) // SHORT_SLOT) or _is_full(
            state[LONGS], 1, len(longs) // LONG_SLOT
        )
        if full or state[ARENA] + length > len(arena):
            return k
        if length <= SHORT:
            key = short_key(data, start, length)
            if is_short(key, length):
                at = find_short(shorts, key, home_of(shorts, key))
                if shorts[at] == 0:
                    shorts[at] = key
                    state[SHORTS] += 1
                shorts[at + SHORT_VALUE] += np.uint64(counts[k])
                continue
        _count_long(data, start, length, np.uint64(counts[k]), longs, arena, state)
    return len(ends)


def add_words(a):
    """Add counted words, each longer than nothing, from the `first` on.

    Arguments: data (eight bytes longer than its words), ends, counts, first; shorts, longs, arena, state.

    Returns:
        The first word that was not added, as a table or the arena must grow; or the number of words.
    """
    return _add_words(
        u8(a, 0), i64(a, 1), i64(a, 2), number(a, 3), u64(a, 4), u64(a, 5), u8(a, 6), i64(a, 7)
    )  # fmt: skip


@jit
def _sort_keys(data, used, length, keys, word):
    """Two numbers by which words of less than 16 bytes sort as their bytes do."""
    first = np.uint64(0)
    second = np.uint64(0)
    for k in range(8):
        first = (first << np.uint64(8)) | np.uint64(data[used + k] if k < length else 0)
        second = (second << np.uint64(8)) | np.uint64(data[used + k + 8] if k + 8 < length else 0)
    keys[2 * word] = first
    # The length takes the place of the last byte: the caller separates words that are equal up to there.
    keys[2 * word + 1] = (second & ~np.uint64(0xFF)) | np.uint64(min(length, 255))


@inlined
def _write_key(key, data, used):
    """The bytes that a number is, up to its last one that is not zero; how many they are."""
    length = 0
    while key != 0:
        data[used + length] = key & np.uint64(0xFF)
        key >>= np.uint64(8)
        length += 1
    return length


@jit
def _list_words(shorts, longs, arena, keys, data, ends, counts):
    used = np.int64(0)
    word = 0
    for slot in range(0, len(shorts), SHORT_SLOT):
        at = np.uint64(slot)
        if shorts[at] == 0:
            continue
        length = _write_key(shorts[at], data, used)
        _sort_keys(data, used, length, keys, word)
        used += length
        ends[word] = used
        counts[word] = np.int64(shorts[at + SHORT_VALUE])
        word += 1
    for slot in range(0, len(longs), LONG_SLOT):
        at = np.uint64(slot)
        if longs[at + REST] == 0:
            continue
        place = np.int64(longs[at + PLACE])
        if place:
            length = np.int64(longs[at + REST])
            for k in range(length):
                data[used + k] = arena[place + k]
        else:
            for k in range(SHORT):
                data[used + k] = (longs[at] >> np.uint64(8 * k)) & np.uint64(0xFF)
            length = SHORT + _write_key(longs[at + REST], data, used + SHORT)
        _sort_keys(data, used, length, keys, word)
        used += length
        ends[word] = used
        counts[word] = np.int64(longs[at + LONG_VALUE])
        word += 1
    return used


def list_words(a):
    """Write the words of tables in the order of their slots.

    Arguments: shorts, longs, arena; keys (uint64, two a word, by which words of less than 16 bytes sort as their bytes
    do), data (room for all bytes), ends, counts: written.

    Returns:
        Bytes written to data.
    """
    return _list_words(u64(a, 0), u64(a, 1), u8(a, 2), u64(a, 3), u8(a, 4), i64(a, 5), i64(a, 6))


@jit
def _gather_words(data, ends, order, out, out_ends):
    used = 0
    for k in range(len(order)):
        word = order[k]
        start = ends[word - 1] if word else np.int64(0)
        for i in range(start, ends[word]):
            out[used + i - start] = data[i]
        used += ends[word] - start
        out_ends[k] = used
    return used


def gather_words(a):
    """Write words in another order. Arguments: data, ends, order; out, out_ends: written."""
    return _gather_words(u8(a, 0), i64(a, 1), i64(a, 2), u8(a, 3), i64(a, 4))
