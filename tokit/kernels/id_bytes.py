"""Token ids as shards keep them, as text, and as counts."""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import (
    i64,
    inlined,
    jit,
    number,
    u8,
    u16,
    u32,
)


@jit
def _pack_ids(data, ends, mark, narrow, wide, out_ends):
    start = np.int64(0)
    used = np.int64(0)
    small = len(narrow) > 0
    for document in range(len(ends)):
        end = ends[document]
        size = end - start
        # Slices count from their own start, so that many ids are written at once.
        ids = data[start:end]
        if small:
            few = narrow[used:]
            for k in range(size):
                few[k] = ids[k]
        else:
            many = wide[used:]
            for k in range(size):
                many[k] = ids[k]
        used += size
        if mark >= 0:
            if small:
                narrow[used] = mark
            else:
                wide[used] = mark
            used += 1
        out_ends[document] = used
        start = end
    return used


def pack_ids(a):
    """Write ids as shards keep them: in 16 bits where they fit, with a separator after each document.

    Arguments: data, ends; the mark, or -1; narrow (uint16) and wide (uint32): one is empty, the other is written, and
    out_ends.

    Returns:
        How many ids were written.
    """
    return _pack_ids(u32(a, 0), i64(a, 1), number(a, 2), u16(a, 3), u32(a, 4), i64(a, 5))


@inlined
def _copy(piece, pieces, piece_ends, out, used):
    start = piece_ends[piece - 1] if piece else np.int64(0)
    size = piece_ends[piece] - start
    if size <= 8:
        # Always eight bytes: the next piece overwrites those that this one does not have.
        for k in range(8):
            out[used + k] = pieces[start + k]
    else:
        for k in range(size):
            out[used + k] = pieces[start + k]
    return used + size


@jit
def _decode_ids(data, ends, first, first_ends, rest, rest_ends, dropped, separator, out, out_ends):
    used = np.int64(0)
    i = np.int64(0)
    for document in range(len(ends)):
        fresh = True
        while i < ends[document]:
            piece = np.int64(data[i])
            i += 1
            if dropped[piece]:
                continue
            if fresh:
                used = _copy(piece, first, first_ends, out, used)
                fresh = False
            else:
                used = _copy(piece, rest, rest_ends, out, used)
        out_ends[document] = used
        for k in range(len(separator)):
            out[used + k] = separator[k]
        used += len(separator)
    return used


def decode_ids(a):
    """Decode documents to text, with a separator after each.

    Arguments: data, ends: ids within the vocabulary; first, first_ends: bytes of each piece at the beginning of a
    document (MARGIN longer), rest, rest_ends: of the same after another; dropped: a byte a piece, 1 where it has no
    text; separator; out: room for all and MARGIN more; out_ends: of each document, without the separator.

    Returns:
        Bytes written.
    """
    return _decode_ids(
        u32(a, 0), i64(a, 1), u8(a, 2), i64(a, 3), u8(a, 4), i64(a, 5), u8(a, 6), u8(a, 7), u8(a, 8), i64(a, 9)
    )


@jit
def _count_ids(ids, ends, document, tokens, documents, last):
    start = np.int64(0)
    for k in range(len(ends)):
        for i in range(start, ends[k]):
            token = ids[i]
            tokens[token] += 1
            if last[token] != document + k:
                last[token] = document + k
                documents[token] += 1
        start = ends[k]
    return 0


def count_ids(a):
    """Count ids and the documents that hold each.

    Arguments: ids, ends; the number of the first document; for each id: how often it occurs and in how many documents,
    added to; the number of the last document that had it, -1 before any.
    """
    return _count_ids(u32(a, 0), i64(a, 1), number(a, 2), i64(a, 3), i64(a, 4), i64(a, 5))
