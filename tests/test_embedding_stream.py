"""The ids of a corpus on disk: every token comes back, in its order, and is counted."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokit.arrays import Ids
from tokit.embedding import stream
from tokit.stream import IdStream, StreamWriter

DOCUMENTS = st.lists(st.lists(st.integers(0, 9), max_size=12), max_size=12)


def written(blocks: list[list[list[int]]], vocab_size: int) -> tuple[IdStream, StreamWriter]:
    with StreamWriter(vocab_size) as writer:
        for block in blocks:
            writer.add(Ids.of(block))
        return writer.mapped(), writer


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blocks=st.lists(DOCUMENTS, max_size=4), longest=st.integers(1, 5), chunk=st.integers(1, 30))
def test_every_token_comes_back(
    monkeypatch: pytest.MonkeyPatch, blocks: list[list[list[int]]], longest: int, chunk: int
) -> None:
    monkeypatch.setattr(stream, "CHUNK_TOKENS", chunk)
    ids, _ = written(blocks, 10)
    documents = [document for block in blocks for document in block]
    expected = [
        document[start : start + longest] for document in documents for start in range(0, len(document), longest)
    ]
    assert list(ids.sentences(longest)) == expected
    assert len(ids.ends) == len(documents)


@given(blocks=st.lists(DOCUMENTS, max_size=4))
def test_counts_are_those_of_a_slow_count(blocks: list[list[list[int]]]) -> None:
    _, writer = written(blocks, 10)
    documents = [document for block in blocks for document in block]
    tokens = Counter(i for document in documents for i in document)
    containing = Counter(i for document in documents for i in set(document))
    assert writer.token_counts.tolist() == [tokens[i] for i in range(10)]
    assert writer.document_frequencies.tolist() == [containing[i] for i in range(10)]


@pytest.mark.parametrize(("vocab_size", "dtype"), [(65_536, "uint16"), (65_537, "uint32")])
def test_the_largest_id_fits(vocab_size: int, dtype: str) -> None:
    ids, _ = written([[[vocab_size - 1, 0]]], vocab_size)
    assert ids.data.dtype == dtype
    assert list(ids.sentences(10)) == [[vocab_size - 1, 0]]
    assert all(type(i) is int for sentence in ids.sentences(10) for i in sentence)


def test_ids_are_mapped_and_not_loaded() -> None:
    ids, _ = written([[[1, 2, 3]]], 10)
    assert isinstance(ids.data.base, np.memmap)
