"""Classes of characters: letter, number, white space or symbol, one byte for each byte of text.

A character of several bytes has its class in each of them, so that neighbors can be compared byte by byte.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import (
    inlined,
    jit,
    load64,
    store64,
)
from tokit.kernels.layout import (
    BLANK,
    LETTER,
    NUMBER,
    ODD,
    QWEN2,
    RETURN,
    SPACE,
    SYMBOL,
)

# Marks of a byte: a pre-token starts; a fragment ends before it, over which nothing looks; to be patched.
START, WALL, PATCH = 1, 2, 4
# Cells before the class of the first byte, so that its neighbors on the left exist.
LEFT = 2
APOSTROPHE, BLANK_BYTE, SLASH = b"' /"
# As bytes: numbers of one byte are compared many at once, which Numba's wider integers are not.
_LETTER, _NUMBER, _SYMBOL, _SPACE = np.uint8(LETTER), np.uint8(NUMBER), np.uint8(SYMBOL), np.uint8(SPACE)
_BLANK, _LINE, _QUOTE = np.uint8(SPACE | BLANK), np.uint8(SPACE | RETURN), np.uint8(SYMBOL | ODD)
_TAB, _LF, _CR, _BIT_5, _ZERO, _A = np.frombuffer(b"\t\n\r 0a", dtype=np.uint8)
_CONTROLS, _DIGITS, _LETTERS = np.uint8(5), np.uint8(10), np.uint8(26)
_EVERY_BYTE, _HIGH_BITS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)


@inlined
def char_length(byte):
    """Bytes of the character that starts with this byte."""
    if byte < 0x80:
        return 1
    if byte < 0xE0:
        return 2
    return 3 if byte < 0xF0 else 4


@inlined
def code_point(text, i, length):
    """The character of `length` > 1 bytes at `i`."""
    if length == 2:
        return ((text[i] & 0x1F) << 6) | (text[i + 1] & 0x3F)
    if length == 3:
        return ((text[i] & 0x0F) << 12) | ((text[i + 1] & 0x3F) << 6) | (text[i + 2] & 0x3F)
    high = ((text[i] & 0x07) << 18) | ((text[i + 1] & 0x3F) << 12)
    return high | ((text[i + 2] & 0x3F) << 6) | (text[i + 3] & 0x3F)


@jit
def classify(text, n, pages, values, classes, style):
    """Write the class of each byte's character, from `classes[LEFT]` on.

    Args:
        text: UTF-8, MARGIN bytes longer than `n`.
        n: Bytes of it.
        pages: Where in `values` the page of 256 code points starts.
        values: Classes; the first page is ASCII.
        classes: Written.
        style: GPT2 and so on.
    """
    if style <= QWEN2:
        _classify_ascii(text, n, classes)
    else:
        for i in range(n):
            classes[i + LEFT] = values[text[i]]
    wide = np.uint64(0)
    for i in range(0, n, 8):
        wide |= load64(text, i)
    # What lies beyond the text is left from before: at worst the slow way is taken needlessly.
    if wide & _HIGH_BITS:
        _classify_wide(text, n, pages, values, classes)


@jit
def _classify_ascii(text, n, classes):
    """Classify ASCII as `values` does for GPT-2's and similar patterns, comparing many bytes at once."""
    for i in range(n):
        byte = text[i]
        value = _SYMBOL
        value = _LETTER if np.uint8((byte | _BIT_5) - _A) < _LETTERS else value
        value = _NUMBER if np.uint8(byte - _ZERO) < _DIGITS else value
        value = _SPACE if np.uint8(byte - _TAB) < _CONTROLS else value
        value = _BLANK if byte == _BIT_5 else value
        value = _LINE if byte == _LF else value
        value = _LINE if byte == _CR else value
        value = _QUOTE if byte == APOSTROPHE else value
        classes[i + LEFT] = value


@jit
def _classify_wide(text, n, pages, values, classes):
    """Classify again where characters have several bytes: each class is written over eight bytes at once."""
    i = np.int64(0)
    while i < n:
        if text[i] < 0x80:
            # Up to seven bytes may have been written over.
            last = min(i + 8, n)
            while i < last and text[i] < 0x80:
                classes[i + LEFT] = values[text[i]]
                i += 1
            if i == last:
                while i + 8 <= n and load64(text, i) & _HIGH_BITS == 0:
                    i += 8
            continue
        length = char_length(text[i])
        point = code_point(text, i, length)
        store64(classes, i + LEFT, np.uint64(values[pages[point >> 8] + (point & 255)]) * _EVERY_BYTE)
        i += length
