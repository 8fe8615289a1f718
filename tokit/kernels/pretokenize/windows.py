"""Pre-tokenize a block one window at a time, small enough for the processor's fastest cache.

A window ends where a document does, or where a pre-token always starts: at a lone space between visible characters,
which no pattern looks across.
"""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import (
    inlined,
    jit,
    load64,
)
from tokit.kernels.layout import (
    DIGIT,
    GPT2,
    MARKS,
    NUMBER,
    O200K,
    RUNS,
    SPACE,
)
from tokit.kernels.pretokenize.character_classes import (
    LEFT,
    WALL,
    classify,
)
from tokit.kernels.pretokenize.character_runs import mark_runs, wall_digits
from tokit.kernels.pretokenize.gpt2_style import mark_gpt2, mark_words, patch_marks
from tokit.kernels.pretokenize.o200k import walk_o200k

WINDOW = 1 << 14


@jit
def find_pretokens(text, n, pages, values, style, group, steps, classes, marks, starts):
    """Find where the pre-tokens of a window start.

    Args:
        text: UTF-8, MARGIN bytes longer than `n`.
        n: Its length; a fragment ends there, or a pre-token starts.
        pages: See `classify`.
        values: See `classify`.
        style: GPT2 and so on.
        group: Digits are split off first, in groups of this size; 0: they are not.
        steps: For each byte the places of its ones, lowest first, eight of them, and their number; flat.
        classes: Scratch, `n` + MARGIN long.
        marks: The same; WALL where a document starts, zero elsewhere. All zero again when this returns.
        starts: Written: the starts, and `n` behind them.

    Returns:
        The number of pre-tokens.
    """
    classes[0] = 0
    classes[1] = 0
    classify(text, n, pages, values, classes, style)
    # White space and nothing are the same to what comes before, but for the wall.
    classes[n + LEFT] = SPACE
    classes[n + LEFT + 1] = 0
    marks[n] = WALL
    if group:
        wall_digits(text, n, classes, marks, DIGIT if style >= RUNS else NUMBER, group)
    if style == GPT2:
        mark_gpt2(n, classes, marks)
        patch_marks(text, n, classes, marks, style)
    elif style == O200K:
        walk_o200k(text, n, classes, marks)
    elif style >= RUNS:
        mark_runs(text, n, classes, marks)
    else:
        mark_words(n, classes, marks)
        patch_marks(text, n, classes, marks, style)
    return _positions(n, marks, steps, starts)


@jit
def _positions(n, marks, steps, starts):
    """List the places that are marked START, in order, and `n`; the marks become zero.

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
    """Check, by ASCII alone, that a pre-token starts at `i` and that nothing after it depends on text before it."""
    byte = data[i]
    if style == MARKS:
        return 0x20 < byte < 0x7F and not (0x30 <= byte <= 0x39 or 0x41 <= byte & 0xDF <= 0x5A)
    return byte == 0x20 and 0x20 < data[i - 1] < 0x7F and 0x20 < data[i + 1] < 0x7F


@jit
def _last_safe_start(data, low, high, style):
    """Find the last place in [low, high) at which a pre-token always starts; -1 if there is none."""
    for i in range(high - 1, low - 1, -1):
        if _always_starts(data, i, style):
            return i
    return -1


@jit
def window_end(data, ends, document, begin, style):
    """Find where the window from `begin` in `document` ends: after a document, or where a pre-token starts."""
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
    found = _last_safe_start(data, max(last, begin + WINDOW // 2) + 1, goal, style)
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
    """Copy a window into `text`, and mark the borders of its documents.

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
