"""Cutting text into pre-tokens: every pattern of the field as comparisons of neighboring bytes.

Regular expressions walk; these do not. Each byte gets the class of its character, a loop without branches marks from
a byte's class and its neighbors' where pre-tokens start, and only the few places where that is not enough are
patched one by one: runs of white space, runs of digits, apostrophes, symbols before letters.

Text is cut a window at a time, small enough for the fastest cache. A window ends where a document does, or where a
pre-token starts whatever stands around: at a lone space between visible characters, over which no pattern looks.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import inlined, jit, load64, store64
from tokit.kernels.layout import (
    BLANK,
    CL100K,
    DIGIT,
    GPT2,
    LETTER,
    LOWER,
    MARKS,
    NUMBER,
    O200K,
    ODD,
    QWEN2,
    RETURN,
    RUNS,
    SPACE,
    SYMBOL,
    UPPER,
)

# Marks of a byte: a pre-token starts; a fragment ends before it, over which nothing looks; to be patched.
START, WALL, PATCH = 1, 2, 4

APOSTROPHE, BLANK_BYTE, SLASH = b"' /"
LETTER_D, LETTER_E, LETTER_L, LETTER_M, LETTER_R, LETTER_S, LETTER_T, LETTER_V = b"DELMRSTV"
# The same as bytes: numbers of one byte are compared many at once, which Numba's wider integers are not.
_LETTER, _NUMBER, _SYMBOL, _SPACE = np.uint8(LETTER), np.uint8(NUMBER), np.uint8(SYMBOL), np.uint8(SPACE)
_BLANK, _LINE, _QUOTE = np.uint8(SPACE | BLANK), np.uint8(SPACE | RETURN), np.uint8(SYMBOL | ODD)
_TAB, _LF, _CR, _BIT_5, _ZERO, _A = np.frombuffer(b"\t\n\r 0a", dtype=np.uint8)
_CONTROLS, _DIGITS, _LETTERS = np.uint8(5), np.uint8(10), np.uint8(26)
# Not a literal, for which Numba would compile a function of its own; nor is a zero that is said to be int64.
_ANY_CASE = np.bool_(True)
_EVERY_BYTE, _HIGH_BITS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)

WINDOW = 1 << 14
# Cells before the class of the first byte, so that its neighbors on the left exist.
LEFT = 2


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
    """The class of each byte's character, from `classes[LEFT]` on.

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
    # Behind the text lies what was there before: then the slow way is taken for nothing.
    if wide & _HIGH_BITS:
        _classify_wide(text, n, pages, values, classes)


@jit
def _classify_ascii(text, n, classes):
    """What `values` say of ASCII for the patterns of GPT-2 and its heirs, as comparisons of many bytes at once."""
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
    """The classes again, where characters have several bytes: each is written over eight of them at once."""
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


@jit
def _mark_gpt2(n, classes, marks):
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
def _mark_words(n, classes, marks):
    """For patterns that put any one symbol or space before a word, and group digits."""
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


@jit
def _mark_runs(text, n, classes, marks):
    """A pre-token starts where the class changes, and at every NUMBER, which stands for what is isolated here.

    It starts at every BLANK too, which the next character may still continue.
    """
    for i in range(n):
        p, c = classes[i + 1], classes[i + 2]
        both = p & c
        same = (both | (both >> 2) | (both >> 3)) & ~(c >> 4)
        lead = 1 if text[i] & 0xC0 != 0x80 else 0
        marks[i] = marks[i] | (((~same & 1) | (marks[i] >> 1)) & lead)


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
    """Cut the run of white space that starts at `a`."""
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
    """Cut the run of digits that starts at `a` into groups."""
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
    """Cut a contraction off, or let the one symbol at `i` start the word behind it."""
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
def _patch(text, n, classes, marks, style):
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


@jit
def _word_end(text, i, end, classes):
    """Where capitals, if any, and then at least one small letter end; -1: there are none. Some characters are both."""
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
    """The same for one capital or more with any small letters behind; -1: no match."""
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
    """Where the word at `i` ends, with a symbol before it or none; -1: there is no word."""
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
    """Where ` ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*` ends; -1: no match."""
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
    """Where digits or white space end that start at `i`."""
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
def _walk_o200k(text, n, classes, marks):
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


@jit
def _wall_digits(text, n, classes, marks, digit, group):
    """Digits are fragments of their own, `group` at a time: before and after them nothing looks."""
    i = 0
    while i < n:
        if not classes[i + LEFT] & digit:
            i += 1
            continue
        count = 0
        while i < n and classes[i + LEFT] & digit:
            if count % group == 0 or marks[i] & WALL:
                marks[i] = marks[i] | WALL
                count = 0
            count += 1
            i += char_length(text[i])
        marks[i] = marks[i] | WALL


@jit
def cut(text, n, pages, values, style, group, steps, classes, marks, starts):
    """Where the pre-tokens of a window start.

    Args:
        text: UTF-8, MARGIN bytes longer than `n`.
        n: Its length; a fragment ends there, or a pre-token starts.
        pages: See `classify`.
        values: See `classify`.
        style: GPT2 and so on.
        group: Digits are cut off first, in groups of so many; 0: they are not.
        steps: For each byte the places of its ones, lowest first, eight of them, and how many there are; flat.
        classes: Scratch, `n` + MARGIN long.
        marks: The same; WALL where a document starts, zero elsewhere. All zero again when this returns.
        starts: Written: the starts, and `n` behind them.

    Returns:
        How many pre-tokens there are.
    """
    classes[0] = 0
    classes[1] = 0
    classify(text, n, pages, values, classes, style)
    # What follows is white space or nothing, which is the same but for the wall.
    classes[n + LEFT] = SPACE
    classes[n + LEFT + 1] = 0
    marks[n] = WALL
    if group:
        _wall_digits(text, n, classes, marks, DIGIT if style >= RUNS else NUMBER, group)
    if style == GPT2:
        _mark_gpt2(n, classes, marks)
        _patch(text, n, classes, marks, style)
    elif style == O200K:
        _walk_o200k(text, n, classes, marks)
    elif style >= RUNS:
        _mark_runs(text, n, classes, marks)
    else:
        _mark_words(n, classes, marks)
        _patch(text, n, classes, marks, style)
    return _positions(n, marks, steps, starts)


@jit
def _positions(n, marks, steps, starts):
    """Where marks have START, in order, and `n` behind; the marks become zero.

    Eight marks are gathered into the bits of a byte, whose places of ones are looked up and written four at a time,
    those behind the last one to be overwritten.
    """
    for i in range(n, n + 8):
        marks[i] = 0
    count = 0
    for i in range(0, n, 8):
        bits = ((load64(marks, i) & np.uint64(0x0101010101010101)) * np.uint64(0x0102040810204080)) >> np.uint64(56)
        row = np.int64(bits) * 9
        starts[count] = i + steps[row]
        starts[count + 1] = i + steps[row + 1]
        starts[count + 2] = i + steps[row + 2]
        starts[count + 3] = i + steps[row + 3]
        ones = steps[row + 8]
        if ones > 4:
            for k in range(4, 8):
                starts[count + k] = i + steps[row + k]
        count += ones
    marks[:n] = 0
    starts[count] = n
    return count


@inlined
def _always_starts(data, i, style):
    """Whether a pre-token starts at `i`, and nothing behind it looks before it, for a reason in ASCII."""
    byte = data[i]
    if style == MARKS:
        return 0x20 < byte < 0x7F and not (0x30 <= byte <= 0x39 or 0x41 <= byte & 0xDF <= 0x5A)
    return byte == 0x20 and 0x20 < data[i - 1] < 0x7F and 0x20 < data[i + 1] < 0x7F


@jit
def _safe_cut(data, low, high, style):
    """The last place in [low, high) at which a pre-token always starts; -1: there is none."""
    for i in range(high - 1, low - 1, -1):
        if _always_starts(data, i, style):
            return i
    return -1


@jit
def window_end(data, ends, document, begin, style):
    """Where the window ends that begins at `begin` in `document`: behind a document, or where a pre-token starts."""
    total = ends[-1]
    goal = begin + WINDOW
    if goal >= total:
        return total
    last = begin
    while ends[document] <= goal:
        last = ends[document]
        document += 1
    if last > begin + WINDOW // 2:
        return last
    found = _safe_cut(data, max(last, begin + WINDOW // 2) + 1, goal, style)
    if found >= 0:
        return found
    if last > begin:
        return last
    i = goal
    while i + 1 < ends[document]:
        if _always_starts(data, i, style):
            return i
        i += 1
    return ends[document]


@jit
def take_window(data, ends, document, begin, end, text, marks):
    """Copy a window into `text`, and wall off the documents in it.

    Returns:
        The first document that does not end in the window.
    """
    # A slice, as its offsets count from its own start and many bytes can be copied at once.
    window = data[begin:end]
    for i in range(len(window)):
        text[i] = window[i]
    # A document may have begun in an earlier window; nothing looks over a lone space either.
    marks[0] = WALL
    while document < len(ends) and ends[document] <= end:
        marks[ends[document] - begin] = WALL
        document += 1
    return document
