"""Kernels and NumPy give the same."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tokit
from tests.support.engines import engine
from tokit.arrays import Block, Ids
from tokit.kernels.dispatch import count_ids, format_ids, pack_ids, parse_ids

VOCAB = 70_000
DOCUMENTS = st.lists(st.lists(st.integers(0, VOCAB - 1), max_size=6), max_size=6)
ENGINES = ("kernels", "reference")


@given(DOCUMENTS)
def test_ids_are_formatted_alike_and_parsed_back(documents: list[list[int]]) -> None:
    ids = Ids.of(documents)
    texts = []
    for name in ENGINES:
        with engine(name):
            texts.append(format_ids(ids))
    assert texts[0] == texts[1]
    with engine("kernels"):
        parsed = parse_ids(Block.of(texts[0].split(b"\n")[:-1]), VOCAB)
    assert parsed is not None and parsed.lists() == documents


@pytest.mark.parametrize("line", [b"1 x", b"-1", b"70000", b"1\t2", b"99999999999999999999"])
def test_lines_that_are_not_ids_are_left_to_the_caller(line: bytes) -> None:
    with engine("kernels"):
        assert parse_ids(Block.of([b"1 2", line]), VOCAB) is None
    with engine("reference"):
        assert parse_ids(Block.of([b"1 2"]), VOCAB) is None


@given(DOCUMENTS, st.sampled_from([None, 5]), st.sampled_from(["<u2", "<u4"]))
def test_ids_are_packed_alike(documents: list[list[int]], end_of_text: int | None, dtype: str) -> None:
    limit = 1 << 16 if dtype == "<u2" else VOCAB
    rows = [[i % limit for i in row] for row in documents]
    packed = []
    for name in ENGINES:
        with engine(name):
            data, ends = pack_ids(Ids.of(rows), end_of_text, np.dtype(dtype))
        assert data.dtype == np.dtype(dtype)
        packed.append([part.tolist() for part in np.split(data, ends[:-1])] if rows else [])
    assert packed[0] == packed[1] == [row if end_of_text is None else [*row, end_of_text] for row in rows]


@given(DOCUMENTS)
def test_ids_are_counted_alike(documents: list[list[int]]) -> None:
    counted = []
    for name in ENGINES:
        counts = np.zeros(VOCAB, dtype=np.int64), np.zeros(VOCAB, dtype=np.int64), np.full(VOCAB, -1, dtype=np.int64)
        with engine(name):
            count_ids(Ids.of(documents), 3, *counts)
            count_ids(Ids.of([[7, 7]]), 3 + len(documents), *counts)
        counted.append(counts)
    for by_kernel, plain in zip(*counted, strict=True):
        assert np.array_equal(by_kernel, plain)


def test_each_job_is_decided_in_one_place() -> None:
    """Merges are learned by two families, each with its own library trainer."""
    asked = Counter[str]()
    for path in Path(tokit.__file__).parent.rglob("*.py"):
        asked.update(re.findall(r'kernel_pays_off\("(\w+)"', path.read_text("utf-8")))
    assert set(asked.values()) <= {1, 2}
    assert [name for name, places in asked.items() if places == 2] == ["learn_merges"]
