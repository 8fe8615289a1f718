"""Initial vectors for warm-started training of fastText, whose vectors are means of rows.

Rows of n-grams are initialized from those of the earlier embedding, else at random. If it has none, an n-gram is
initialized from the mean of the vectors of the tokens that contain it, so that a token without a vector starts near
tokens of similar spelling. Either way a token's own row is set so that the mean of all its rows is its initial vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.train.word2vec import OwnRows
from tokit.embedding.warm_start import InitialVectors, NgramVectors

# Numbers that are added up at a time.
NUMBERS_AT_ONCE = 1 << 22


class Groups(NamedTuple):
    """Rows in groups, none of them empty: one group after the other, and the end of each."""

    rows: npt.NDArray[np.integer]
    ends: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialNgramVectors(InitialVectors):
    """Initial vectors of tokens and n-grams.

    Attributes:
        own: Rows of each token.
        buckets: Hash bucket of each n-gram row, which follow those of the tokens; uint32, ascending.
    """

    own: OwnRows
    buckets: npt.NDArray[np.uint32]

    @classmethod
    def of(
        cls, start: InitialVectors, own: OwnRows, buckets: npt.NDArray[np.uint32], settings: tuple[int, int, int]
    ) -> InitialNgramVectors:
        """Add n-grams to initial vectors of tokens; earlier ones of other settings are of no use."""
        ngrams = start.ngrams if start.ngrams is not None and start.ngrams.settings == settings else None
        return cls(start.vectors, start.initialized, start.output, ngrams, own=own, buckets=buckets)

    def initialize(self, inputs: FloatArray, outputs: FloatArray) -> None:
        """Write the vectors into the matrices of a training, n-grams included."""
        InitialVectors.initialize(self, inputs, outputs)
        if self.ngrams is None:
            self._initialize_means(inputs)
        else:
            self._initialize_ngrams(self.ngrams, inputs[len(self.initialized) :])
        self._set_means(inputs, self.initialized)

    def restore_means(self, inputs: FloatArray, counts: IntArray) -> None:
        """Correct the own rows of tokens that the text lacks, as rows of their n-grams have changed."""
        self._set_means(inputs, self.initialized & (counts == 0))

    def _initialize_ngrams(self, found: NgramVectors, table: FloatArray) -> None:
        if not len(found.buckets):
            return
        places = np.minimum(np.searchsorted(found.buckets, self.buckets), len(found.buckets) - 1)
        present = found.buckets[places] == self.buckets
        table[present] = found.vectors[places[present]]

    def _initialize_means(self, inputs: FloatArray) -> None:
        tokens = np.repeat(np.arange(len(self.initialized)), self._sizes())
        taken = self.initialized[tokens] & (self.own.rows >= len(self.initialized))
        rows = self.own.rows[taken]
        order = np.argsort(rows, kind="stable")
        laid, starts, sizes = np.unique(rows[order], return_index=True, return_counts=True)
        for part, total in sums(self.vectors, Groups(tokens[taken][order], starts + sizes)):
            inputs[laid[part]] = total / sizes[part, None].astype(np.float32)

    def _set_means(self, inputs: FloatArray, which: npt.NDArray[np.bool_]) -> None:
        """Set own rows of tokens so that the mean of all rows of a token is its vector."""
        sizes = self._sizes()
        rows, tokens = self.own.rows[np.repeat(which, sizes)], np.flatnonzero(which)
        for part, total in sums(inputs, Groups(rows, np.cumsum(sizes[tokens]))):
            ids = tokens[part]
            inputs[ids] += self.vectors[ids] * sizes[ids, None].astype(np.float32) - total

    def _sizes(self) -> IntArray:
        return np.diff(self.own.ends, prepend=0)


def sums(table: FloatArray, groups: Groups) -> Iterator[tuple[slice, FloatArray]]:
    """Sums of the rows of each group, a few groups at a time: (slice of the groups, sums of shape (groups, dim))."""
    most = NUMBERS_AT_ONCE // table.shape[1]
    starts = np.concatenate([np.zeros(1, dtype=np.int64), groups.ends[:-1]])
    first = 0
    while first < len(groups.ends):
        start = int(starts[first])
        last = max(first + 1, int(np.searchsorted(groups.ends, start + most, side="right")))
        rows = table[groups.rows[start : int(groups.ends[last - 1])]]
        yield slice(first, last), np.add.reduceat(rows, starts[first:last] - start, axis=0)
        first = last
