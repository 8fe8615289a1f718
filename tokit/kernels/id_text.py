"""Token ids as lines of decimal numbers, and back."""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import (
    i64,
    jit,
    number,
    u8,
    u32,
)


@jit
def _format_ids(data, ends, digits, out):
    used = np.int64(0)
    start = np.int64(0)
    for document in range(len(ends)):
        for k in range(start, ends[document]):
            value = np.int64(data[k])
            length = 1
            bound = np.int64(10)
            while value >= bound:
                length += 1
                bound *= 10
            at = used + length - 1
            while value >= 100:
                pair = value % 100
                value //= 100
                out[at] = digits[2 * pair + 1]
                out[at - 1] = digits[2 * pair]
                at -= 2
            if value >= 10:
                out[at] = digits[2 * value + 1]
                out[at - 1] = digits[2 * value]
            else:
                out[at] = 48 + value
            out[used + length] = 32
            used += length + 1
        if ends[document] > start:
            used -= 1
        out[used] = 10
        used += 1
        start = ends[document]
    return used


def format_ids(a):
    """Format each document as a line of decimal numbers.

    Arguments: data, ends; digits ("00" to "99"); out: 11 bytes an id and one a document, and one more.

    Returns:
        Bytes written, with a newline behind each line.
    """
    return _format_ids(u32(a, 0), i64(a, 1), u8(a, 2), u8(a, 3))


@jit
def _parse_ids(data, ends, limit, out, out_ends):
    used = np.int64(0)
    i = np.int64(0)
    for line in range(len(ends)):
        end = ends[line]
        while i < end:
            if data[i] == 32:
                i += 1
                continue
            value = np.int64(0)
            while i < end and data[i] != 32:
                digit = np.int64(data[i]) - 48
                if digit < 0 or digit > 9:
                    return np.int64(-1)
                value = value * 10 + digit
                if value >= limit:
                    return np.int64(-1)
                i += 1
            out[used] = value
            used += 1
        out_ends[line] = used
    return used


def parse_ids(a):
    """Parse lines of decimal numbers between spaces.

    Arguments: data, ends; the vocabulary's size; out, out_ends: written.

    Returns:
        How many ids there are; -1 when a line holds anything else, or an id outside the vocabulary.
    """
    return _parse_ids(u8(a, 0), i64(a, 1), number(a, 2), u32(a, 3), i64(a, 4))
