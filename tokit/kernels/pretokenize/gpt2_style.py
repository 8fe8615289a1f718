"""The patterns of GPT-2, cl100k, Llama 3 and Qwen2, as comparisons of neighboring bytes.

Regular expressions walk; this does not. A loop without branches marks from a byte's class and its neighbors' where
pre-tokens start, and only the few places where that is not enough are patched one by one: runs of white space, runs of
digits, apostrophes, symbols before letters.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import (
    inlined,
    jit,
    load64,
)
from tokit.kernels.layout import (
    CL100K,
    GPT2,
    LETTER,
    NUMBER,
    QWEN2,
    RETURN,
    SPACE,
    SYMBOL,
)
from tokit.kernels.pretokenize.character_classes import (
    APOSTROPHE,
    LEFT,
    PATCH,
    START,
    WALL,
    char_length,
)

LETTER_D, LETTER_E, LETTER_L, LETTER_M, LETTER_R, LETTER_S, LETTER_T, LETTER_V = b"DELMRSTV"


@jit
def mark_gpt2(n, classes, marks):
    for i in range(n):
        p, c, q = classes[i + 1], classes[i + 2], classes[i + 3]
        wall = marks[i] >> 1
        both = p & c
        same = both | (both >> 1) | (both >> 2)
        space = c >> 3
        word = ~(same | (p >> 4) | space)
        gap = space & ~((p >> 3) & (q >> 3))
        patch = (space & ~(p >> 3) & (q >> 3)) | (c >> 6)
        marks[i] = ((word | gap | wall) & 1) | ((wall & 1) << 1) | (((patch | wall) & 1) << 2)


@jit
def mark_words(n, classes, marks):
    """Mark the patterns that put any one symbol or space before a word, and group digits."""
    for i in range(n):
        o, p, c, q = classes[i], classes[i + 1], classes[i + 2], classes[i + 3]
        wall = marks[i] >> 1
        taken = (p >> 1) | (p >> 5) | ((p >> 2) & ((o >> 2) | (o >> 4)))
        letter = c & ~p & taken
        number = (c >> 1) & ~(p >> 1)
        symbol = (c >> 2) & ~((p >> 2) | (p >> 4))
        space = c >> 3
        gap = space & ~((p >> 3) & (q >> 3))
        digits = number & (q >> 1)
        patch = digits | (space & ~(p >> 3) & ((q >> 3) | (c >> 5))) | (c >> 6)
        start = letter | number | symbol | gap
        marks[i] = ((start | wall) & 1) | ((wall & 1) << 1) | (((patch | wall) & 1) << 2)


@inlined
def contraction_length(text, i, n, fold):
    """Length of the contraction that starts with the apostrophe at `i`; 0 if there is none.

    With `fold` in any case: then the long s, U+017F, is an s too.
    """
    left = n - i
    if left < 2:
        return 0
    a = text[i + 1]
    if fold and left >= 3 and a == 0xC5 and text[i + 2] == 0xBF:
        return 3
    mask = np.uint8(0xDF) if fold else np.uint8(0xFF)
    bits = np.uint8(0) if fold else np.uint8(0x20)
    a = a & mask
    if a == (LETTER_S | bits) or a == (LETTER_T | bits) or a == (LETTER_M | bits) or a == (LETTER_D | bits):
        return 2
    if left < 3:
        return 0
    b = text[i + 2] & mask
    if b == (LETTER_E | bits) and (a == (LETTER_R | bits) or a == (LETTER_V | bits)):
        return 3
    return 3 if a == (LETTER_L | bits) and b == (LETTER_L | bits) else 0


@jit
def _patch_space(text, a, classes, marks, style):
    """Split the run of white space that starts at `a`."""
    if classes[a + 1] & SPACE and not marks[a] & WALL:
        return
    b = a + 1
    while classes[b + LEFT] & SPACE and not marks[b] & WALL:
        b += 1
    ended = marks[b] & WALL != 0
    first = marks[a]
    for i in range(a, b):
        marks[i] = marks[i] & PATCH
    if first & WALL:
        marks[a] = marks[a] | WALL | START
    s = a
    if style != GPT2:
        # A symbol takes the line ends behind it; white space goes up to its last line end; then the rest.
        if classes[a + 1] & SYMBOL and not first & WALL:
            while s < b and classes[s + LEFT] & RETURN:
                s += 1
        if not (style == CL100K and ended):
            last = b - 1
            while last >= s and not classes[last + LEFT] & RETURN:
                last -= 1
            if last >= s:
                marks[s] = marks[s] | START
                s = last + 1
    if s == b:
        return
    marks[s] = marks[s] | START
    if not ended:
        last = b - 1
        while text[last] & 0xC0 == 0x80:
            last -= 1
        marks[last] = marks[last] | START


@jit
def _patch_digits(text, a, classes, marks, group):
    """Split the run of digits that starts at `a` into groups."""
    if classes[a + 1] & NUMBER and not marks[a] & WALL:
        return
    i = a
    count = 0
    while classes[i + LEFT] & NUMBER and (i == a or not marks[i] & WALL):
        if count % group == 0:
            marks[i] = marks[i] | START
        count += 1
        i += char_length(text[i])


@jit
def _patch_symbol(text, n, i, classes, marks, style):
    """Split a contraction off, or let the one symbol at `i` start the word after it."""
    if not marks[i] & START or text[i] & 0xC0 == 0x80:
        return
    if text[i] == APOSTROPHE:
        length = contraction_length(text, i, n, style != GPT2)
        for k in range(1, length):
            if marks[i + k] & WALL:
                length = 0
        if length:
            for k in range(1, length):
                marks[i + k] = 0
            marks[i + length] = marks[i + length] | START
            return
    if style == GPT2:
        return
    after = i + char_length(text[i])
    if classes[after + LEFT] & LETTER and not marks[after] & WALL:
        marks[after] = marks[after] & ~START


@jit
def patch_marks(text, n, classes, marks, style):
    group = 1 if style == QWEN2 else 3
    i = np.int64(0)
    while i < n:
        if load64(marks, i) & np.uint64(0x0404040404040404) == 0:
            i += 8
            continue
        if marks[i] & PATCH:
            value = classes[i + LEFT]
            if value & SPACE:
                _patch_space(text, i, classes, marks, style)
            elif value & SYMBOL:
                _patch_symbol(text, n, i, classes, marks, style)
            elif value & NUMBER and style != GPT2:
                _patch_digits(text, i, classes, marks, group)
        i += 1
