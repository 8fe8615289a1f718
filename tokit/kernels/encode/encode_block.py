"""Blocks of text to token ids, window by window: each pre-token is looked up in the cache, or encoded and kept.

Models: byte-level BPE; whole words of a vocabulary, with an unknown id for the rest; WordPiece.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import (
    i32,
    i64,
    inlined,
    jit,
    number,
    observe,
    prefetch,
    store64,
    u8,
    u32,
    u64,
)
from tokit.kernels.encode.bpe_merges import FEW, merge_few, merge_many
from tokit.kernels.encode.longest_match import longest_pieces
from tokit.kernels.encode.word_cache import (
    COUNT,
    COUNT_BITS,
    IDS,
    MANY,
    MORE_IDS,
    NEAR_IDS,
    PAIR_OF_IDS,
    head_key,
    is_near,
    keep_word,
    near_home,
    seek_near,
    tail_key,
    write_many,
)
from tokit.kernels.layout import (
    DOCUMENT,
    DONE,
    ENCODE_BATCH,
    LONG_VALUE,
    LONG_WORD,
    NEEDED,
    PIECES,
    POSITION,
    RUNS,
    SPACE,
    WORDS,
    WRITTEN,
)
from tokit.kernels.pretokenize.character_classes import LEFT
from tokit.kernels.pretokenize.windows import find_pretokens, take_window, window_end
from tokit.kernels.word_hash_table import (
    hash_of,
    long_home,
    seek_long,
)

# A longer word is not kept: it hardly comes again, and would fill the arena.
LONGEST_KEPT = 256
# In place of an offset in the first table: the word belongs in the second.
FAR = np.uint64(0xFFFFFFFFFFFFFFFF)


@jit
def _encode_word(text, start, length, model, unknown, limit, symbols, pairs, merged, heads, tails, work):
    """Encode a word that is not in the cache into the first array of `work`; returns the number of ids."""
    ids = work[0]
    if model == WORDS:
        ids[0] = unknown
        return np.int64(1)
    if model == PIECES:
        return np.int64(longest_pieces(text, start, length, limit, unknown, heads, tails, ids))
    for k in range(length):
        ids[k] = symbols[text[start + k]]
    if length <= FEW:
        return np.int64(merge_few(length, pairs, merged, ids, work[3]))
    return np.int64(merge_many(length, pairs, merged, ids, work[1], work[2], work[3], work[4]))


@jit
def _write_new(text, start, length, model, work, cache, out, written):
    """Encode a word that is not in the cache, and keep it; returns the ids written so far."""
    kind, unknown, limit, symbols, pairs, merged, heads, tails = model
    size = _encode_word(text, start, length, kind, unknown, limit, symbols, pairs, merged, heads, tails, work)
    for j in range(size):
        out[written + j] = work[0][j]
    if kind != WORDS and length <= LONGEST_KEPT:
        keep_word(text, start, length, size, work[0], cache)
    return written + size


@inlined
def _look_ahead(text, starts, first, last, nears, fars, batch):
    """Compute the keys or hashes of a batch of words, and prefetch their slots."""
    heads, tails, homes = batch[0], batch[1], batch[2]
    start = np.int64(starts[first])
    for k in range(first, last):
        end = np.int64(starts[k + np.uint64(1)])
        length = end - start
        head = head_key(text, start, length)
        if is_near(length, head):
            tail = tail_key(text, start, length)
            home = near_home(nears, head, tail)
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
    """Encode the pre-tokens of a window; returns the ids written so far, or -1 when a pre-token is too long.

    `before` receives the number of ids before each pre-token.
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
                at, known = seek_near(nears, heads[j], tails[j], homes[j])
                value = observe(nears, at + IDS) if known else np.uint64(0)
                more = nears[at + MORE_IDS]
            size = (value >> COUNT_BITS) & COUNT
            # Four ids are always written: the next word overwrites those that this one does not have.
            store64(out, written, value & PAIR_OF_IDS)
            store64(out, written + np.uint64(2), more)
            if np.uint64(0) < size <= np.uint64(NEAR_IDS):
                written += size
            elif size == np.uint64(MANY):
                written = np.uint64(write_many(value, runs, out, np.int64(written)))
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
        count = find_pretokens(text, end - begin, pages, values, style, group, steps, classes, marks, starts)
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
    # Empty documents at the end.
    while state[DOCUMENT] < len(ends):
        out_ends[state[DOCUMENT]] = state[WRITTEN]
        state[DOCUMENT] += 1
    return DONE


def encode_block(a):
    """Encode the documents of a block, from where `state` says on.

    Arguments: data, ends (not empty); pages, values, style, group, steps: see `find_pretokens`; model (BPE, WORDS or
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
