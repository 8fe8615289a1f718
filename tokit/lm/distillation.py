"""From vectors of single pieces to a static table: principal components, and rare pieces weighing more.

The way of Model2Vec, https://github.com/MinishLab/model2vec: each piece goes through a model alone, the principal
components of all of them are kept, and each is weighed by how rare it is, so that a plain mean is a weighted one
(Arora et al. 2017, https://openreview.net/forum?id=SyK00v5xx).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.errors import TrainingError

DEFAULT_DIM = 256
# Model2Vec's own.
DEFAULT_SIF = 1e-4


Doubles = npt.NDArray[np.float64]
Shares = Doubles


@dataclass(frozen=True, slots=True)
class Components:
    """Vectors in fewer columns.

    Attributes:
        vectors: Shape (n, dim), the column of the most variance first.
        explained: Share of the variance that is left.
    """

    vectors: FloatArray
    explained: float


def principal_components(vectors: FloatArray, dim: int) -> Components:
    """Centred vectors along the directions in which they differ most.

    Args:
        vectors: Shape (n, columns).
        dim: Columns to keep, > 0.

    Raises:
        TrainingError: there are not so many directions.
    """
    if dim > min(vectors.shape):
        raise TrainingError(
            f"{dim} dimensions of {vectors.shape[0]:,} pieces' vectors of {vectors.shape[1]}: there are not so many",
            hint=f"--dim {min(vectors.shape)}",
        )
    centred, axes, variances = principal_axes(vectors, dim)
    total = float(variances.sum())
    explained = float(variances[:dim].sum()) / total if total > 0 else 1.0
    return Components((centred @ axes).astype(np.float32), min(explained, 1.0))


def principal_axes(vectors: FloatArray, dim: int) -> tuple[Doubles, Doubles, Doubles]:
    """The directions in which vectors differ most.

    A direction has two ends: the one in which its largest number is positive is taken, so that all machines agree.

    Args:
        vectors: Shape (n, columns).
        dim: Directions, at most `columns`.

    Returns:
        (the vectors, centred; their directions, the one of the most variance first, shape (columns, dim); the sums of
        squares along all directions in this order, shape (columns,)).
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    # The table has many more rows than columns: the small product has the same directions.
    variances, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :dim]
    largest = np.abs(axes).argmax(axis=0)
    return centred, axes * np.sign(axes[largest, np.arange(dim)]), variances[::-1]


def rank_probabilities(known: npt.NDArray[np.bool_]) -> Shares:
    """Zipf's law: pieces that come first in a vocabulary are the frequent ones; the n-th counts as 1 / (n + 1).

    Args:
        known: Pieces that have a vector; shape (vocab,).

    Returns:
        Shares that add up to 1, 0 for what is not known; shape (vocab,).
    """
    shares = np.zeros(len(known))
    shares[known] = 1 / np.arange(2, int(known.sum()) + 2)
    return shares / max(float(shares.sum()), 1e-300)


def count_probabilities(counts: IntArray, known: npt.NDArray[np.bool_]) -> Shares:
    """Shares of the pieces in a text, among the known ones; shape (vocab,)."""
    some = np.where(known, counts, 0).astype(np.float64)
    return some / max(float(some.sum()), 1.0)


def sif_weights(probabilities: Shares, a: float) -> Shares:
    """a / (a + p): near 1 for a rare piece; a > 0."""
    return a / (a + probabilities)
