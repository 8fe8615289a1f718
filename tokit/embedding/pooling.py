"""Pooling: from the vectors of a document's tokens to one vector."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IdArray, Ids, IntArray
from tokit.kernels.compiled.loader import kernel, kernel_pays_off

# Tokens that are looked up at a time, for documents of any length.
CHUNK_TOKENS = 1 << 16


def mean_pool(ids: Ids, vectors: FloatArray, *, skip: int | None = None) -> FloatArray:
    """Mean of the token vectors of each document.

    Sums are 32-bit, token after token, as in sentence-transformers and model2vec, so that the means are the same. Only
    documents of more than `CHUNK_TOKENS` tokens are summed in 64 bits, as 32 would lose digits.

    Args:
        ids: Token ids of some documents.
        vectors: Embedding matrix, shape (vocab, dim).
        skip: A token that is excluded from the mean, as the unknown token.

    Returns:
        Shape (documents, dim), float32. All zeros where a document has no token.

    Raises:
        IndexError: an id is >= vocab (the ids came from another tokenizer).
    """
    if kernel_pays_off("pool_means", ids.data.nbytes):
        return _mean_pool_in_kernel(ids, vectors, -1 if skip is None else skip)
    pooled = ids if skip is None else without(ids, skip)
    means = np.zeros((len(pooled), vectors.shape[1]), dtype=np.float32)
    lengths = pooled.lengths
    starts = pooled.ends - lengths
    for documents in _of_one_length(lengths):
        length = int(lengths[documents[0]])
        if length > CHUNK_TOKENS:
            for i in documents.tolist():
                means[i] = _exact_mean(pooled.data[starts[i] : pooled.ends[i]], vectors)
            continue
        for first in range(0, len(documents), CHUNK_TOKENS // length):
            chunk = documents[first : first + CHUNK_TOKENS // length]
            places = starts[chunk][:, None] + np.arange(length)
            means[chunk] = vectors[pooled.data[places]].mean(axis=1)
    return means


def _mean_pool_in_kernel(ids: Ids, vectors: FloatArray, skip: int) -> FloatArray:
    if len(ids.data) and int(ids.data.max()) >= len(vectors):
        raise IndexError(f"id {int(ids.data.max())} has no vector: there are {len(vectors)}")
    means = np.empty((len(ids), vectors.shape[1]), dtype=np.float32)
    counts = np.empty(len(ids), dtype=np.int64)
    kernel("pool_means")(ids.data, ids.ends, vectors, vectors.shape[1], skip, CHUNK_TOKENS, means, counts)
    for i in np.flatnonzero(counts > CHUNK_TOKENS).tolist():
        tokens = ids.data[int(ids.ends[i - 1]) if i else 0 : int(ids.ends[i])]
        means[i] = _exact_mean(tokens[tokens != skip], vectors)
    return means


def _of_one_length(lengths: IntArray) -> Iterator[IntArray]:
    """Groups of documents of equal length, without empty ones."""
    full = np.flatnonzero(lengths)
    order = full[np.argsort(lengths[full], kind="stable")]
    begins = [*np.unique(lengths[order], return_index=True)[1].tolist(), len(order)]
    for first, last in pairwise(begins):
        yield order[first:last]


def _exact_mean(data: IdArray, vectors: FloatArray) -> FloatArray:
    total = np.zeros(vectors.shape[1], dtype=np.float64)
    for start in range(0, len(data), CHUNK_TOKENS):
        total += vectors[data[start : start + CHUNK_TOKENS]].sum(axis=0, dtype=np.float64)
    return (total / len(data)).astype(np.float32)


def sif_weights(probabilities: npt.NDArray[np.float64], *, a: float = 1e-3) -> npt.NDArray[np.float64]:
    """Smooth inverse frequency (SIF): weight a / (a + p) of a token of probability p, which is near 1 for a rare one.

    The mean of weighted vectors is SIF pooling; `remove_direction` removes the corpus's first principal component.
    Arora et al. 2017, https://openreview.net/forum?id=SyK00v5xx

    Args:
        probabilities: Unigram probability of each id, shape (vocab,).
        a: Smoothing, dimensionless, > 0; the paper uses 1e-4 to 1e-3.

    Returns:
        Shape (vocab,), between 0 and 1.
    """
    return a / (a + probabilities)


def unigram_probabilities(token_counts: IntArray) -> npt.NDArray[np.float64]:
    """Fraction of the corpus's tokens that each id is; zeros without tokens. Shape (vocab,)."""
    probabilities: npt.NDArray[np.float64] = token_counts / max(int(token_counts.sum()), 1)
    return probabilities


def idf_weights(document_frequencies: IntArray, documents: int) -> FloatArray:
    """Inverse document frequency (IDF): weight ln((1 + n) / (1 + df)) + 1 of each token, smoothed as in scikit-learn.

    Spärck Jones 1972, https://doi.org/10.1108/eb026526

    Args:
        document_frequencies: Number of documents that contain each id, shape (vocab,).
        documents: Number of documents.

    Returns:
        Shape (vocab,), at least 1; largest for a token that no document contains.
    """
    weights: FloatArray = (np.log((1 + documents) / (1 + document_frequencies)) + 1).astype(np.float32)
    return weights


class Direction:
    """First right singular vector of many vectors, not centered: the direction of most of their length."""

    def __init__(self, dim: int) -> None:
        self._products = np.zeros((dim, dim), dtype=np.float64)

    def add(self, products: npt.NDArray[np.float64]) -> None:
        """Add the Gram matrix of more vectors."""
        self._products += products

    @staticmethod
    def products_of(rows: FloatArray) -> npt.NDArray[np.float64]:
        """Gram matrix of vectors, shape (dim, dim)."""
        exact = rows.astype(np.float64)
        products: npt.NDArray[np.float64] = exact.T @ exact
        return products

    def found(self) -> FloatArray:
        """Compute the direction, of length one; zeros if all vectors were zeros."""
        if not self._products.any():
            return np.zeros(len(self._products), dtype=np.float32)
        direction: FloatArray = np.linalg.eigh(self._products)[1][:, -1].astype(np.float32)
        return direction


def remove_direction(rows: FloatArray, direction: FloatArray) -> FloatArray:
    """Subtract the projection onto a direction of length one from vectors."""
    rest: FloatArray = rows - (rows @ direction)[:, None] * direction
    return rest


def without(ids: Ids, skip: int) -> Ids:
    """Remove a token from documents."""
    keep = ids.data != skip
    kept_before = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(keep, dtype=np.int64)])
    return Ids(ids.data[keep], kept_before[ids.ends])
