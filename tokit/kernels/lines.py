"""Split text into lines, and check that it is UTF-8."""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import (
    i64,
    inlined,
    jit,
    load64,
    number,
    store64,
    u8,
)

_LOW, _HIGH = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_LINES = np.uint64(0x0A0A0A0A0A0A0A0A)
# Text is checked in pieces of this number of bytes; a piece of ASCII alone needs no closer look.
_PIECE = 1 << 9


@inlined
def _is_wrong(byte, back_1, back_2, back_3):
    """Check that a byte is invalid in UTF-8 after the three before it.

    Overlong forms, surrogates and characters beyond U+10FFFF are invalid.
    https://www.unicode.org/versions/Unicode16.0.0/core-spec/chapter-3/#G27506 (table 3-7)
    """
    continues = (byte & np.uint8(0xC0)) == np.uint8(0x80)
    must = (back_1 >= np.uint8(0xC0)) | (back_2 >= np.uint8(0xE0)) | (back_3 >= np.uint8(0xF0))
    wrong = (continues != must) | (byte == np.uint8(0xC0)) | (byte == np.uint8(0xC1)) | (byte > np.uint8(0xF4))
    wrong |= (back_1 == np.uint8(0xE0)) & (byte < np.uint8(0xA0))
    wrong |= (back_1 == np.uint8(0xED)) & (byte > np.uint8(0x9F))
    wrong |= (back_1 == np.uint8(0xF0)) & (byte < np.uint8(0x90))
    return wrong | ((back_1 == np.uint8(0xF4)) & (byte > np.uint8(0x8F)))


@jit
def _is_utf8_behind(raw, start, end):
    """Check that the bytes from `start` >= 3 on are valid after those before them."""
    here, back_1, back_2, back_3 = raw[start:end], raw[start - 1 : end - 1], raw[start - 2 : end], raw[start - 3 : end]
    wide = back_1[0]
    for k in range(len(here)):
        wide |= here[k]
    if wide < 0x80:
        return True
    wrong = np.uint8(0)
    for k in range(len(here)):
        wrong |= np.uint8(_is_wrong(here[k], back_1[k], back_2[k], back_3[k]))
    return wrong == 0


@jit
def _is_utf8(raw, size):
    zero = np.uint8(0)
    for k in range(min(3, size)):
        if _is_wrong(raw[k], raw[k - 1] if k > 0 else zero, raw[k - 2] if k > 1 else zero, zero):
            return False
    for start in range(3, size, _PIECE):
        if not _is_utf8_behind(raw, start, min(start + _PIECE, size)):
            return False
    # The last character must be complete.
    for k in range(min(3, size)):
        if raw[size - 1 - k] >= (0xC0, 0xE0, 0xF0)[k]:
            return False
    return True


@jit
def _split_lines(raw, size, data, ends):
    if not _is_utf8(raw, size):
        return -1
    used = np.int64(0)
    lines = 0
    i = np.int64(0)
    while i < size:
        # Nothing is read behind the end: the bytes are Python's own.
        if size - i >= 8:
            word = load64(raw, i)
            found = word ^ _LINES
            if (found - _LOW) & ~found & _HIGH == 0:
                store64(data, used, word)
                used += 8
                i += 8
                continue
        last = min(i + 8, size)
        while i < last:
            byte = raw[i]
            if byte == 10:
                ends[lines] = used
                lines += 1
            else:
                data[used] = byte
                used += 1
            i += 1
    return lines


def split_lines(a):
    """Remove newlines, and note where lines end. Arguments: raw, its size; data (as long), ends: written.

    Returns:
        How many newlines there were, the rest behind the last one has no end; -1 when the text is not UTF-8.
    """
    return _split_lines(u8(a, 0), number(a, 1), u8(a, 2), i64(a, 3))
