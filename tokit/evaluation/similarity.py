"""Rank correlation of cosines with human ratings."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray

Numbers: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[Any]


def cosines(pairs: IntArray, unit: FloatArray) -> Numbers:
    """Cosine of each pair.

    Args:
        pairs: Rows of `unit`; shape (n, 2).
        unit: Vectors of length one, or zero.
    """
    found: Numbers = np.einsum("nd,nd->n", unit[pairs[:, 0]], unit[pairs[:, 1]]).astype(np.float64)
    return found


def resampled_spearman(left: Numbers, right: Numbers, counts: Counts) -> Numbers:
    """Spearman's rank correlation of each bootstrap draw of the same pairs; ties have their mean rank.

    A draw repeats pairs, so ranks are computed from counts: one sort serves all draws.

    Args:
        left: Shape (n,).
        right: Shape (n,).
        counts: Occurrences of each pair in each draw; shape (draws, n). One row of ones is the plain correlation.

    Returns:
        Shape (draws,); NaN where one side of a draw is constant.
    """
    one, two = _centered_ranks(left, counts), _centered_ranks(right, counts)
    scale = np.sqrt((counts * one**2).sum(axis=1) * (counts * two**2).sum(axis=1))
    products = (counts * one * two).sum(axis=1)
    correlation: Numbers = np.divide(products, scale, out=np.full(len(counts), np.nan), where=scale > 0)
    return correlation


def _centered_ranks(values: Numbers, counts: Counts) -> Numbers:
    """Mean rank of each value in each draw, minus the mean rank of the draw; shape (draws, n)."""
    if not len(values):
        return np.zeros(counts.shape)
    _, which = np.unique(values, return_inverse=True)
    order = np.argsort(which, kind="stable")
    starts = np.flatnonzero(np.diff(which[order], prepend=-1))
    groups = np.add.reduceat(counts[:, order], starts, axis=1, dtype=np.int64)
    upto = groups.cumsum(axis=1)
    ranks = upto - (groups - 1) / 2 - (upto[:, -1:] + 1) / 2
    centered: Numbers = ranks[:, which]
    return centered
