"""Principal components and frequency weights of piece vectors.

As in Model2Vec, https://github.com/MinishLab/model2vec: each piece is encoded alone, the vectors are reduced by PCA
and scaled by inverse frequency, so that a plain mean of them is a weighted one (SIF, Arora et al. 2017, https://openreview.net/forum?id=SyK00v5xx).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.errors import TrainingError

DEFAULT_DIM = 256
# The SIF coefficient of Model2Vec.
DEFAULT_SIF = 1e-4

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Components:
    """Vectors reduced to their principal components.

    Attributes:
        vectors: Shape (n, dim), the component of largest variance first.
        explained: Fraction of the variance that they keep.
    """

    vectors: FloatArray
    explained: float


def principal_components(vectors: FloatArray, dim: int) -> Components:
    """Centered vectors, projected onto their principal components.

    Args:
        vectors: Shape (n, hidden).
        dim: Number of components, > 0.

    Raises:
        TrainingError: there are fewer components.
    """
    if dim > min(vectors.shape):
        raise TrainingError(
            f"--dim {dim}: {vectors.shape[0]:,} vectors of dimension {vectors.shape[1]} have fewer components",
            hint=f"--dim {min(vectors.shape)}",
        )
    centered, axes, variances = principal_axes(vectors, dim)
    total = float(variances.sum())
    explained = float(variances[:dim].sum()) / total if total > 0 else 1.0
    return Components((centered @ axes).astype(np.float32), min(explained, 1.0))


def principal_axes(vectors: FloatArray, dim: int) -> tuple[Doubles, Doubles, Doubles]:
    """Principal axes of vectors.

    The sign of an axis is chosen so that its largest component is positive: all machines agree.

    Args:
        vectors: Shape (n, hidden).
        dim: Number of axes, at most `hidden`.

    Returns:
        (centered vectors; axes, the one of largest variance first, shape (hidden, dim); sums of squares along all axes
        in this order, shape (hidden,)).
    """
    centered = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    # There are many more vectors than dimensions: the small product has the same axes.
    variances, axes = np.linalg.eigh(centered.T @ centered)
    axes = axes[:, ::-1][:, :dim]
    largest = np.abs(axes).argmax(axis=0)
    return centered, axes * np.sign(axes[largest, np.arange(dim)]), variances[::-1]


def rank_probabilities(known: npt.NDArray[np.bool_]) -> Doubles:
    """Probabilities by Zipf's law: the n-th piece of a vocabulary is taken to be as frequent as 1 / (n + 1).

    Args:
        known: Pieces with a vector; shape (vocab,).

    Returns:
        Probabilities, 0 for other pieces; shape (vocab,).
    """
    weights = np.zeros(len(known))
    weights[known] = 1 / np.arange(2, int(known.sum()) + 2)
    return weights / max(float(weights.sum()), 1e-300)


def count_probabilities(counts: IntArray, known: npt.NDArray[np.bool_]) -> Doubles:
    """Relative frequencies of the known pieces in a text, 0 for other pieces; shape (vocab,)."""
    known_counts = np.where(known, counts, 0).astype(np.float64)
    return known_counts / max(float(known_counts.sum()), 1.0)
