"""Nearest tokens by cosine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray

# So many scores are held at a time.
SCORES_AT_ONCE = 1 << 23
# Of so many groups of tokens the best is looked at before any token is.
GROUPS = 1024
# 3CosMul divides by no less than this.
EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class Request:
    """What neighbors are wanted of.

    Attributes:
        plus: Vectors to be near to, shape (n, dim).
        minus: Vectors to be far from, shape (m, dim).
        exclude: Tokens that are no answer.
    """

    plus: FloatArray
    minus: FloatArray
    exclude: tuple[int, ...] = ()


Found = tuple[IntArray, FloatArray]


class Neighborhood:
    """Token vectors of length one, and who may be a neighbor.

    Args:
        vectors: Shape (vocab, dim).
        allowed: Tokens that may show up; those without a vector never do.
    """

    def __init__(self, vectors: FloatArray, allowed: npt.NDArray[np.bool_]) -> None:
        lengths = np.linalg.norm(vectors, axis=1)
        self._members = np.flatnonzero(allowed & (lengths > 0))
        self._unit = vectors[self._members] / lengths[self._members, None]

        self._places = np.full(len(vectors), -1, dtype=np.int64)
        self._places[self._members] = np.arange(len(self._members))

    def nearest(self, vector: FloatArray, k: int, exclude: Sequence[int] = ()) -> Found:
        """The `k` tokens whose vectors have the smallest angle with `vector`.

        Equal ones come by id.

        Returns:
            Ids and cosines, nearest first; fewer than `k` when there are no more.
        """
        row = vector[None, :]
        return next(self.by_sum([Request(row, row[:0], tuple(exclude))], k))

    def by_sum(self, requests: Sequence[Request], k: int) -> Iterator[Found]:
        """For each request the `k` tokens nearest to the sum of its unit vectors: 3CosAdd.

        Mikolov et al. 2013, https://aclanthology.org/N13-1090
        """
        for first in range(0, len(requests), self._rows_at_once):
            some = requests[first : first + self._rows_at_once]
            sums = np.stack([unit(_units(each.plus).sum(axis=0) - _units(each.minus).sum(axis=0)) for each in some])
            yield from self._best(sums @ self._unit.T, k, some)

    def by_product(self, requests: Sequence[Request], k: int) -> Iterator[Found]:
        """For each request the `k` tokens whose similarities have the largest product: 3CosMul.

        Similarities are (1 + cosine) / 2; those to vectors to be far from divide. Scores are no cosines.
        Levy and Goldberg 2014, https://aclanthology.org/W14-1618
        """
        at_once = max(1, self._rows_at_once // max((len(each.plus) + len(each.minus) for each in requests), default=1))
        for first in range(0, len(requests), at_once):
            some = requests[first : first + at_once]
            terms = np.concatenate([_units(part) for each in some for part in (each.plus, each.minus)])
            # Halves here, where they are few: the same bits as those of halves taken of the products.
            similar = (terms * np.float32(0.5)) @ self._unit.T
            similar += np.float32(0.5)
            yield from self._best(_quotients(similar, some), k, some)

    @property
    def _rows_at_once(self) -> int:
        return max(1, SCORES_AT_ONCE // max(1, len(self._members)))

    def _best(self, scores: FloatArray, k: int, requests: Sequence[Request]) -> Iterator[Found]:
        for row, request in zip(scores, requests, strict=True):
            places = self._places[np.asarray(request.exclude, dtype=np.int64)]
            row[places[places >= 0]] = -np.inf
        for row, floor in zip(scores, _floors(scores, k), strict=True):
            some = np.flatnonzero(row >= floor)
            some = some[row[some] > -np.inf]
            order = some[np.lexsort((some, -row[some]))][:k]
            yield self._members[order], row[order]


def _quotients(similar: FloatArray, requests: Sequence[Request]) -> FloatArray:
    scores = np.empty((len(requests), similar.shape[1]), dtype=np.float32)
    at = 0
    for row, request in zip(scores, requests, strict=True):
        middle = at + len(request.plus)
        end = middle + len(request.minus)
        np.multiply.reduce(similar[at:middle], axis=0, out=row)
        if end > middle:
            np.divide(row, np.multiply.reduce(similar[middle:end], axis=0) + np.float32(EPSILON), out=row)
        at = end
    return scores


def _floors(scores: FloatArray, k: int) -> FloatArray:
    """For each row a score that at least `k` of it reach, and not many more."""
    rows, columns = scores.shape
    if k >= columns:
        return np.full(rows, -np.inf, dtype=np.float32)
    width = columns // GROUPS
    if width > 1 and k <= GROUPS:
        # The best of k groups are k scores. Looking for the k best of all would take longer than the products did.
        scores = scores[:, : width * GROUPS].reshape(rows, width, GROUPS).max(axis=1)
    floors: FloatArray = np.partition(scores, scores.shape[1] - k, axis=1)[:, -k]
    return floors


def unit(vector: FloatArray) -> FloatArray:
    """The vector with length one; zeros stay zeros."""
    length = np.linalg.norm(vector)
    return vector / length if length else vector


def _units(vectors: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    units: FloatArray = vectors / lengths
    return units
