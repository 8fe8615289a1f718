"""The pattern of o200k, walked as the regular expression does: it looks back into words.

A match is the offset of its end, or -1 for none.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import (
    jit,
)
from tokit.kernels.layout import (
    LETTER,
    LOWER,
    NUMBER,
    RETURN,
    SPACE,
    UPPER,
)
from tokit.kernels.pretokenize.character_classes import (
    APOSTROPHE,
    BLANK_BYTE,
    LEFT,
    SLASH,
    START,
    WALL,
    char_length,
)
from tokit.kernels.pretokenize.gpt2_style import contraction_length

# Not a literal, for which Numba would compile a function of its own; nor is a zero that is said to be int64.
_ANY_CASE = np.bool_(True)


@jit
def _word_end(text, i, end, classes):
    """Match capitals, if any, and at least one lower-case letter; some characters count as both."""
    u = i
    back = -1
    while u < end and classes[u + LEFT] & UPPER:
        step = char_length(text[u])
        if classes[u + LEFT] & LOWER:
            back = u + step
        u += step
    if u < end and classes[u + LEFT] & LOWER:
        while u < end and classes[u + LEFT] & LOWER:
            u += char_length(text[u])
        return u
    return back


@jit
def _capitals_end(text, i, end, classes):
    """Match one capital or more, and any lower-case letters after them."""
    u = i
    while u < end and classes[u + LEFT] & UPPER:
        u += char_length(text[u])
    if u == i:
        return -1
    while u < end and classes[u + LEFT] & LOWER:
        u += char_length(text[u])
    return u


@jit
def _o200k_word(text, i, end, classes):
    """Match a word at `i`, with or without a symbol before it."""
    value = classes[i + LEFT]
    after = i + char_length(text[i])
    prefixed = not value & (LETTER | NUMBER | RETURN)
    stop = _word_end(text, after, end, classes) if prefixed else -1
    if stop < 0:
        stop = _word_end(text, i, end, classes)
    if stop < 0 and prefixed:
        stop = _capitals_end(text, after, end, classes)
    if stop < 0:
        stop = _capitals_end(text, i, end, classes)
    if 0 <= stop < end and text[stop] == APOSTROPHE:
        stop += contraction_length(text, stop, end, _ANY_CASE)
    return stop


@jit
def _o200k_symbols(text, i, end, classes):
    """Match ` ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*`."""
    start = i + 1 if text[i] == BLANK_BYTE else i
    j = start
    while j < end and not classes[j + LEFT] & (SPACE | LETTER | NUMBER):
        j += 1
    if j == start:
        return -1
    while j < end and (classes[j + LEFT] & RETURN or text[j] == SLASH):
        j += 1
    return j


@jit
def _o200k_rest(text, i, end, classes):
    """Match the digits or white space at `i`."""
    j = i
    if classes[i + LEFT] & NUMBER:
        count = 0
        while j < end and count < 3 and classes[j + LEFT] & NUMBER:
            j += char_length(text[j])
            count += 1
        return j
    last_return = -1
    last = i
    while j < end and classes[j + LEFT] & SPACE:
        if classes[j + LEFT] & RETURN:
            last_return = j
        last = j
        j += char_length(text[j])
    if last_return >= 0:
        return last_return + 1
    return j if j == end or last == i else last


@jit
def walk_o200k(text, n, classes, marks):
    """o200k looks back into words, so it is walked: as the regular expression does, alternative by alternative."""
    start = np.int64(0)
    while start < n:
        end = start + 1
        while end < n and not marks[end] & WALL:
            end += 1
        i = start
        while i < end:
            marks[i] = marks[i] | START
            stop = _o200k_word(text, i, end, classes)
            if stop < 0:
                stop = _o200k_symbols(text, i, end, classes)
            i = stop if stop >= 0 else _o200k_rest(text, i, end, classes)
        start = end
