"""Characters to ids: one each, or one for each of its bytes."""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import i32, i64, jit, number, u8, u32
from tokit.kernels.layout import DROPPED, UNKNOWN
from tokit.kernels.pretokenize.character_classes import char_length, code_point


@jit
def _encode_characters(data, ends, pages, values, byte_ids, unknown, out, out_ends):
    used = np.int64(0)
    i = np.int64(0)
    for document in range(len(ends)):
        end = ends[document]
        while i < end:
            length = char_length(data[i])
            point = np.int64(data[i]) if length == 1 else code_point(data, i, length)
            value = values[pages[point >> 8] + (point & 255)]
            if value < DROPPED:
                out[used] = value
                used += 1
            elif value == UNKNOWN and unknown >= 0:
                out[used] = unknown
                used += 1
            elif value == UNKNOWN:
                for k in range(i, i + length):
                    out[used + k - i] = byte_ids[data[k]]
                used += length
            i += length
        out_ends[document] = used
    return used


def encode_characters(a):
    """Ids of characters. Arguments: data, ends; pages: where in `values` the page of 256 code points starts; values:
    the id of each character, UNKNOWN or DROPPED; byte_ids: the id of each byte of an unknown one; unknown: its id
    instead, or -1; out: ids, as long as the data; out_ends: of the documents in it.

    Returns:
        Ids written.
    """
    return _encode_characters(u8(a, 0), i64(a, 1), i32(a, 2), u32(a, 3), u32(a, 4), number(a, 5), u32(a, 6), i64(a, 7))
