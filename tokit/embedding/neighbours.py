"""Nearest tokens by cosine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray


class Neighbourhood:
    """Token vectors of length one, and who may be a neighbour.

    Args:
        vectors: Shape (vocab, dim).
        allowed: Tokens that may show up; those without a vector never do.
    """

    def __init__(self, vectors: FloatArray, allowed: npt.NDArray[np.bool_]) -> None:
        lengths = np.linalg.norm(vectors, axis=1)
        self._members = np.flatnonzero(allowed & (lengths > 0))
        self._unit = vectors[self._members] / lengths[self._members, None]

    def nearest(self, vector: FloatArray, k: int, exclude: Sequence[int] = ()) -> tuple[IntArray, FloatArray]:
        """The `k` tokens whose vectors have the smallest angle with `vector`.

        Equal ones come by id.

        Returns:
            Ids and cosines, nearest first; fewer than `k` when there are no more.
        """
        length = float(np.linalg.norm(vector))
        cosines = self._unit @ (vector / length if length else vector)
        open_to = np.flatnonzero(~np.isin(self._members, np.asarray(exclude, dtype=np.int64)))
        order = open_to[np.lexsort((open_to, -cosines[open_to]))][:k]
        return self._members[order], cosines[order]


def unit(vector: FloatArray) -> FloatArray:
    """The vector with length one; zeros stay zeros."""
    length = np.linalg.norm(vector)
    return vector / length if length else vector
