"""A start for means of rows: what the rows of n-grams begin with, and that each mean is the vector that was given."""

from __future__ import annotations

import numpy as np
import pytest

from tokit.arrays import FloatArray, Pieces
from tokit.embedding import warm_start_ngrams
from tokit.embedding.families.fasttext import FastTextParams, ngram_rows
from tokit.embedding.families.fasttext import _own_rows as own_rows
from tokit.embedding.ngrams import ngram_buckets
from tokit.embedding.train.word2vec import OwnRows
from tokit.embedding.warm_start import InitialVectors, NgramVectors
from tokit.embedding.warm_start_ngrams import Groups, InitialNgramVectors, sums

SPELLED = FastTextParams(minn=3, maxn=3)
SETTINGS = (SPELLED.minn, SPELLED.maxn, SPELLED.bucket)


def plain_means(table: FloatArray, own: OwnRows) -> FloatArray:
    starts = [0, *own.ends[:-1].tolist()]
    parts = [own.rows[start:end] for start, end in zip(starts, own.ends.tolist(), strict=True)]
    return np.array([table[part].mean(axis=0) for part in parts])


def spelled(ngrams: NgramVectors | None) -> tuple[InitialNgramVectors, FloatArray]:
    """A start of "king" and "kings", beside "ring" without a vector and "unseen"; and its table as it is laid."""
    texts = ("king", "kings", "ring", "unseen")
    pieces = Pieces(texts, texts, np.zeros(4, dtype=np.bool_))
    known = np.array([0, 1, 2])
    rows, used = ngram_rows(pieces, known, SPELLED)
    own = own_rows(rows, known, 4, len(used))
    vectors = np.array([[1, 2], [3, 5], [0, 0], [0, 0]], dtype=np.float32)
    start = InitialNgramVectors.of(
        InitialVectors(vectors, np.array([True, True, False, False]), None, ngrams), own, used, SETTINGS
    )
    table = np.full((own.size, 2), 0.25, dtype=np.float32)
    start.initialize(table, np.zeros((4, 2), dtype=np.float32))
    np.testing.assert_allclose(plain_means(table, own)[:2], vectors[:2], atol=1e-6)
    assert table[2].tolist() == [0.25, 0.25]
    return start, table


def row_of(start: InitialNgramVectors, table: FloatArray, ngram: str) -> list[float]:
    # Of three characters, and the borders make two more.
    bucket = ngram_buckets([ngram], SPELLED).rows[1]
    return list(table[4 + int(np.searchsorted(start.buckets, bucket))].tolist())


@pytest.mark.parametrize("ngrams", [None, NgramVectors(np.zeros(1, np.uint32), np.ones((1, 2), np.float32), (3, 6, 9))])
def test_ngrams_begin_as_the_mean_of_their_tokens(ngrams: NgramVectors | None) -> None:
    """Also where the embedding has n-grams of other settings: a bucket is then another one."""
    start, table = spelled(ngrams)
    # In "king" and "kings"; in the longer one only; in neither.
    assert row_of(start, table, "kin") == [2, 3.5]
    assert row_of(start, table, "ngs") == [3, 5]
    assert row_of(start, table, "rin") == [0.25, 0.25]


@pytest.mark.parametrize("there", [["kin", "rin"], []])
def test_ngrams_are_initialized_from_their_vectors(there: list[str]) -> None:
    buckets = np.sort(np.array([ngram_buckets([each], SPELLED).rows[1] for each in there], dtype=np.uint32))
    start, table = spelled(NgramVectors(buckets, np.full((len(there), 2), 7, dtype=np.float32), SETTINGS))
    for ngram in ("kin", "rin", "ngs"):
        assert row_of(start, table, ngram) == ([7, 7] if ngram in there else [0.25, 0.25])


def test_tokens_that_the_text_lacks_keep_their_vectors() -> None:
    start, table = spelled(None)
    table[4:] += 1
    before = table.copy()
    start.restore_means(table, np.array([5, 0, 1, 0]))
    means = plain_means(table, start.own)
    np.testing.assert_allclose(means[1], start.vectors[1], atol=1e-6)
    assert (table[[0, 2, 3]] == before[[0, 2, 3]]).all() and (table[4:] == before[4:]).all()


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_sums_are_of_groups(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_start_ngrams, "NUMBERS_AT_ONCE", size * 3)
    draw = np.random.default_rng(0)
    table, rows = draw.integers(9, size=(10, 3)).astype(np.float32), draw.integers(10, size=40)
    ends = np.array([1, 2, 20, 33, 40])
    parts = np.split(rows, ends[:-1])
    found = np.concatenate([total for _, total in sums(table, Groups(rows, ends))])
    assert (found == [table[part].sum(axis=0) for part in parts]).all()
