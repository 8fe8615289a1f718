"""Ragged arrays: lengths, starts, and some of the items, with what else belongs to them."""

from __future__ import annotations

import numpy as np
import pytest

from tokit.arrays import Block, Counts, Ids

ROWS = [[1, 2, 3], [], [4], [5, 6], []]
MASKS = [[True] * 5, [False] * 5, [True, False, True, False, True], [False, True, False, True, False]]


def test_lengths_and_starts() -> None:
    ids = Ids.of(ROWS)
    assert ids.lengths.tolist() == [3, 0, 1, 2, 0]
    assert ids.starts.tolist() == [0, 3, 3, 4, 6]
    assert not len(Ids.of([]).starts)


@pytest.mark.parametrize("mask", MASKS)
def test_select_by_mask(mask: list[bool]) -> None:
    assert Ids.of(ROWS).select(np.array(mask)).lists() == [
        row for row, wanted in zip(ROWS, mask, strict=True) if wanted
    ]


@pytest.mark.parametrize("first", range(6))
@pytest.mark.parametrize("last", range(6))
def test_slice_is_a_view(first: int, last: int) -> None:
    ids = Ids.of(ROWS)
    part = ids.slice(first, last)
    assert part.lists() == ROWS[first:last]
    assert np.shares_memory(part.data, ids.data) == bool(len(part.data))


def test_counts_stay_with_their_words() -> None:
    counts = Counts.of({b"a": 1, b"bb": 2, b"ccc": 3})
    assert counts.select(np.array([True, False, True])).items() == [("a", 1), ("ccc", 3)]
    assert counts.slice(1, 3).items() == [("bb", 2), ("ccc", 3)]


def test_records_stay_with_their_documents() -> None:
    block = Block.of([b"a", b"bb", b""], records=[{"n": 1}, {"n": 2}, {"n": 3}])
    assert block.select(np.array([False, True, True])).records == ({"n": 2}, {"n": 3})
    assert block.slice(0, 2).records == ({"n": 1}, {"n": 2})


@pytest.mark.parametrize(("mask", "open_end"), [([True, False], False), ([False, True], True), ([False, False], False)])
def test_open_end_belongs_to_the_last_document(mask: list[bool], open_end: bool) -> None:
    assert Block.of([b"a", b"b"], open_end=True).select(np.array(mask)).open_end == open_end
