"""The comparison of foreign folders with their own library."""

from __future__ import annotations

from pathlib import Path

from tests.bench.foreign import compared

LINES = ["the cat sat", "a<|pad|>b", "the", "mat"]


def test_every_line_is_compared(bpe_folder: Path) -> None:
    row = compared(bpe_folder, [LINES, LINES[:1]])
    assert (row.roles, row.differ, row.differ_in_transformers) == ("equal", 0, 0)
    assert row.tokens > len(LINES)
