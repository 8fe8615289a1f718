"""Nearest tokens by cosine similarity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray

# Scores that are computed at a time.
SCORES_AT_ONCE = 1 << 23
# Groups of tokens whose maximum is compared before single tokens are.
GROUPS = 1024
# Added to the denominator of 3CosMul.
EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class Request:
    """A query for neighbors.

    Attributes:
        plus: Vectors to be near to, shape (n, dim).
        minus: Vectors to be far from, shape (m, dim).
        exclude: Tokens that are excluded from the results.
    """

    plus: FloatArray
    minus: FloatArray
    exclude: tuple[int, ...] = ()


RankedTokens = tuple[IntArray, FloatArray]


class Neighborhood:
    """Search among token vectors of length one.

    Args:
        vectors: Shape (vocab, dim).
        allowed: Tokens that may be results; those without a vector never are.
    """

    def __init__(self, vectors: FloatArray, allowed: npt.NDArray[np.bool_]) -> None:
        lengths = np.linalg.norm(vectors, axis=1)
        self._members = np.flatnonzero(allowed & (lengths > 0))
        self._unit = vectors[self._members] / lengths[self._members, None]

        self._places = np.full(len(vectors), -1, dtype=np.int64)
        self._places[self._members] = np.arange(len(self._members))

    def nearest(self, vector: FloatArray, k: int, exclude: Sequence[int] = ()) -> RankedTokens:
        """The `k` tokens with the largest cosine to `vector`; equal ones by id.

        Returns:
            Ids and cosines, nearest first; fewer than `k` when there are no more.
        """
        row = vector[None, :]
        return next(self.by_sum([Request(row, row[:0], tuple(exclude))], k))

    def by_sum(self, requests: Sequence[Request], k: int) -> Iterator[RankedTokens]:
        """The `k` tokens nearest to the sum of unit vectors of each request: 3CosAdd.

        Mikolov et al. 2013, https://aclanthology.org/N13-1090
        """
        for first in range(0, len(requests), self._rows_at_once):
            batch = requests[first : first + self._rows_at_once]
            sums = np.stack(
                [
                    unit_vector(unit_rows(request.plus).sum(axis=0) - unit_rows(request.minus).sum(axis=0))
                    for request in batch
                ]
            )
            yield from self._best(sums @ self._unit.T, k, batch)

    def by_product(self, requests: Sequence[Request], k: int) -> Iterator[RankedTokens]:
        """The `k` tokens with the largest product of similarities for each request: 3CosMul.

        Similarities are (1 + cosine) / 2; those to `minus` are divisors. Scores are not cosines.
        Levy and Goldberg 2014, https://aclanthology.org/W14-1618
        """
        at_once = max(
            1, self._rows_at_once // max((len(request.plus) + len(request.minus) for request in requests), default=1)
        )
        for first in range(0, len(requests), at_once):
            batch = requests[first : first + at_once]
            terms = np.concatenate([unit_rows(part) for request in batch for part in (request.plus, request.minus)])
            # Halved before the product, where there are fewer numbers: the bits of the result are the same.
            similar = (terms * np.float32(0.5)) @ self._unit.T
            similar += np.float32(0.5)
            yield from self._best(_quotients(similar, batch), k, batch)

    @property
    def _rows_at_once(self) -> int:
        return max(1, SCORES_AT_ONCE // max(1, len(self._members)))

    def _best(self, scores: FloatArray, k: int, requests: Sequence[Request]) -> Iterator[RankedTokens]:
        for row, request in zip(scores, requests, strict=True):
            places = self._places[np.asarray(request.exclude, dtype=np.int64)]
            row[places[places >= 0]] = -np.inf
        for row, floor in zip(scores, _floors(scores, k), strict=True):
            best = np.flatnonzero(row >= floor)
            best = best[row[best] > -np.inf]
            order = best[np.lexsort((best, -row[best]))][:k]
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
    """Lower bound of the `k` best scores of each row, which not many more than `k` reach."""
    rows, tokens = scores.shape
    if k >= tokens:
        return np.full(rows, -np.inf, dtype=np.float32)
    width = tokens // GROUPS
    if width > 1 and k <= GROUPS:
        # The maxima of k groups are k scores. Selecting the k best of all would take longer than the products did.
        scores = scores[:, : width * GROUPS].reshape(rows, width, GROUPS).max(axis=1)
    floors: FloatArray = np.partition(scores, scores.shape[1] - k, axis=1)[:, -k]
    return floors


def unit_vector(vector: FloatArray) -> FloatArray:
    """Scale a vector to length one; zeros stay zeros."""
    length = np.linalg.norm(vector)
    return vector / length if length else vector


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Scale rows to length one; zeros stay zeros. Shape (n, dim)."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    units: FloatArray = vectors / lengths
    return units
