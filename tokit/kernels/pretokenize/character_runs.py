"""Pre-tokenizers that split where the class changes (white space, BERT's, punctuation), and groups of digits."""

from __future__ import annotations

from tokit.kernels.compiled.intrinsics import (
    jit,
)
from tokit.kernels.pretokenize.character_classes import (
    LEFT,
    WALL,
    char_length,
)


@jit
def mark_runs(text, n, classes, marks):
    """Mark where the class changes, and every NUMBER, which means an isolated character here.

    A pre-token starts at every BLANK too, and the next character may continue it.
    """
    for i in range(n):
        p, c = classes[i + 1], classes[i + 2]
        both = p & c
        same = (both | (both >> 2) | (both >> 3)) & ~(c >> 4)
        lead = 1 if text[i] & 0xC0 != 0x80 else 0
        marks[i] = marks[i] | (((~same & 1) | (marks[i] >> 1)) & lead)


@jit
def wall_digits(text, n, classes, marks, digit, group):
    """Make groups of digits fragments of their own, which nothing looks across."""
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
