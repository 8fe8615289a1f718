"""Rank correlation of cosines with what people said."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray

Numbers: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[Any]


def cosines(pairs: IntArray, unit: FloatArray) -> Numbers:
    """The cosine of each pair.

    Args:
        pairs: Rows of `unit`; shape (n, 2).
        unit: Vectors of length one, or zero.
    """
    found: Numbers = np.einsum("nd,nd->n", unit[pairs[:, 0]], unit[pairs[:, 1]]).astype(np.float64)
    return found


def spearman(left: Numbers, right: Numbers, counts: Counts) -> Numbers:
    """Spearman's rank correlation of the same pairs, drawn in several ways; ties share their mean rank.

    A bootstrap repeats pairs, so ranks come from how often each is there: one sort serves all draws.

    Args:
        left: Shape (n,).
        right: Shape (n,).
        counts: How often each draw has each pair; shape (draws, n). One row of ones is the plain correlation.

    Returns:
        Shape (draws,); NaN where one side of a draw is all the same.
    """
    one, two = _centred_ranks(left, counts), _centred_ranks(right, counts)
    spread = np.sqrt((counts * one**2).sum(axis=1) * (counts * two**2).sum(axis=1))
    together = (counts * one * two).sum(axis=1)
    correlation: Numbers = np.divide(together, spread, out=np.full(len(counts), np.nan), where=spread > 0)
    return correlation


def _centred_ranks(values: Numbers, counts: Counts) -> Numbers:
    """Each value's mean rank in each draw, less the draw's mean rank; shape (draws, n)."""
    if not len(values):
        return np.zeros(counts.shape)
    _, which = np.unique(values, return_inverse=True)
    order = np.argsort(which, kind="stable")
    starts = np.flatnonzero(np.diff(which[order], prepend=-1))
    groups = np.add.reduceat(counts[:, order], starts, axis=1, dtype=np.int64)
    upto = groups.cumsum(axis=1)
    ranks = upto - (groups - 1) / 2 - (upto[:, -1:] + 1) / 2
    centred: Numbers = ranks[:, which]
    return centred
