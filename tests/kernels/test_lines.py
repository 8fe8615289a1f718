"""Lines by a kernel: it takes for UTF-8 what Python does, and the bytes are the same without newlines."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tokit.kernels.compiled.loader import kernel

# First, last and just outside of every range of table 3-7 of the Unicode standard, and ASCII.
EDGES = [
    *(0x00, 0x0A, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC),
    *(0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF),
]


def lines_of(data: bytes) -> bytes | None:
    raw = np.frombuffer(data, dtype=np.uint8)
    newlines = data.count(b"\n")
    text = np.empty(len(data) - newlines, dtype=np.uint8)
    ends = np.empty(newlines + 1, dtype=np.int64)
    return None if kernel("split_lines")(raw, len(raw), text, ends) < 0 else text.tobytes()


def expected(data: bytes) -> bytes | None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return data.replace(b"\n", b"")


@pytest.mark.parametrize(("before", "after"), [(b"", b""), (b"ab\n", b""), (b"", b"cd"), (b"x" * 513, b"y" * 30)])
def test_utf8_check_equals_pythons(before: bytes, after: bytes) -> None:
    for length in (1, 2, 3):
        for edges in product(EDGES, repeat=length):
            data = before + bytes(edges) + after
            assert lines_of(data) == expected(data), data


def test_character_across_a_piece_border() -> None:
    for character in ("é", "€", "😀"):
        for place in range(505, 520):
            data = b"a" * place + character.encode("utf-8") + b"b" * 600
            assert lines_of(data) == data
            assert lines_of(data.replace(character.encode("utf-8")[-1:], b"", 1)) is None


def test_limits_of_characters_of_four_bytes() -> None:
    for edges in product((0xF0, 0xF1, 0xF4), *[(0x7F, 0x80, 0x8F, 0x90, 0xBF, 0xC2)] * 3):
        assert lines_of(bytes(edges)) == expected(bytes(edges)), edges
