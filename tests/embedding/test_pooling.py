"""Pooling, held against the definition written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokit.arrays import Ids
from tokit.embedding import pooling
from tokit.embedding.pooling import (
    Direction,
    idf_weights,
    mean_pool,
    remove_direction,
    sif_weights,
    unigram_probabilities,
    without,
)
from tokit.runtime import engine

VECTORS = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
DOCUMENTS = st.lists(st.lists(st.integers(0, 9), max_size=20), max_size=10)


def slow_mean(document: list[int]) -> np.ndarray:
    if not document:
        return np.zeros(4)
    return sum(VECTORS[i].astype(np.float64) for i in document) / len(document)  # type: ignore[return-value]


@given(documents=DOCUMENTS, chunk=st.integers(1, 25))
def test_mean_of_documents_of_any_length(documents: list[list[int]], chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pooling, "CHUNK_TOKENS", chunk)
        pooled = mean_pool(Ids.of(documents), VECTORS)
    assert pooled.dtype == np.float32
    assert pooled.shape == (len(documents), 4)
    for row, document in zip(pooled, documents, strict=True):
        np.testing.assert_allclose(row, slow_mean(document), atol=1e-6)


@given(documents=DOCUMENTS, skip=st.integers(0, 9))
def test_the_skipped_token_is_not_in_the_mean(documents: list[list[int]], skip: int) -> None:
    kept = [[i for i in document if i != skip] for document in documents]
    assert without(Ids.of(documents), skip).lists() == kept
    np.testing.assert_array_equal(mean_pool(Ids.of(documents), VECTORS, skip=skip), mean_pool(Ids.of(kept), VECTORS))


def test_a_very_long_document_keeps_its_digits() -> None:
    vectors = np.array([[0.1]], dtype=np.float32)
    # Added up one by one in 32 bits this mean is 0.1 + 2e-4.
    assert abs(mean_pool(Ids.of([[0] * 1_000_000]), vectors)[0, 0] - np.float32(0.1)) < 1e-7


@given(
    documents=DOCUMENTS,
    dim=st.integers(1, 40),
    skip=st.none() | st.integers(0, 9),
    chunk=st.integers(1, 25),
)
def test_the_kernel_gives_the_same_bits(documents: list[list[int]], dim: int, skip: int | None, chunk: int) -> None:
    vectors = np.random.default_rng(dim).normal(size=(10, dim)).astype(np.float32)
    pooled = []
    for chosen in (engine.REFERENCE, engine.KERNELS):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pooling, "CHUNK_TOKENS", chunk)
            patch.setenv(engine.VARIABLE, chosen)
            pooled.append(mean_pool(Ids.of(documents), vectors, skip=skip))
    # In one column NumPy adds up in another order.
    if dim > 1:
        np.testing.assert_array_equal(*pooled)
    np.testing.assert_allclose(*pooled, atol=1e-6)


def test_the_kernel_refuses_an_id_of_another_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engine.VARIABLE, engine.KERNELS)
    with pytest.raises(IndexError):
        mean_pool(Ids.of([[10]]), VECTORS)


def test_idf_gives_tokens_of_few_documents_more_weight() -> None:
    weights = idf_weights(np.array([0, 1, 9]), 9)
    np.testing.assert_allclose(weights, [np.log(10) + 1, np.log(5) + 1, 1], rtol=1e-6)


def test_the_direction_is_the_first_singular_vector() -> None:
    rows = np.random.default_rng(1).normal(loc=(3, 0, 0, 1), size=(50, 4)).astype(np.float32)
    direction = Direction(4)
    for part in (rows[:20], rows[20:]):
        direction.add(Direction.products_of(part))
    first = np.linalg.svd(rows.astype(np.float64))[2][0]
    np.testing.assert_allclose(np.abs(direction.found() @ first), 1, atol=1e-6)
    rest = remove_direction(rows, direction.found())
    np.testing.assert_allclose(rest, rows - np.outer(rows @ first, first), atol=1e-5)
    assert not Direction(3).found().any()


def test_an_id_of_another_tokenizer_is_an_error() -> None:
    with pytest.raises(IndexError):
        mean_pool(Ids.of([[10]]), VECTORS)


def test_sif_weighs_rare_tokens_more() -> None:
    weights = sif_weights(unigram_probabilities(np.array([0, 1, 99])), a=1e-3)
    np.testing.assert_allclose(weights, [1.0, 1e-3 / (1e-3 + 0.01), 1e-3 / (1e-3 + 0.99)], rtol=1e-6)
    assert sif_weights(unigram_probabilities(np.zeros(2, dtype=np.int64))).tolist() == [1.0, 1.0]
