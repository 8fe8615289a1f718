"""A start for vectors that are means of a token's own row and those of its n-grams.

Rows of n-grams are those that the start has; what it lacks begins at random. A start without any has an n-gram begin
as the mean of the vectors of the tokens that it is in, so that a token without a vector begins near those that are
spelled like it. Either way a token's own row makes up for its n-grams: the mean of all is the vector that is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.train.word2vec import OwnRows
from tokit.embedding.warm_start import NgramVectors, Start

# Numbers of rows that are added up at a time.
NUMBERS_AT_ONCE = 1 << 22


class Groups(NamedTuple):
    """Rows of a table in groups, none of them empty: one group after the other, and where each ends."""

    rows: npt.NDArray[np.integer]
    ends: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SpelledStart(Start):
    """See the module.

    Attributes:
        own: The rows of each token.
        buckets: Of each row of an n-gram, of those behind the tokens'; uint32, ascending.
    """

    own: OwnRows
    buckets: npt.NDArray[np.uint32]

    @classmethod
    def of(
        cls, start: Start, own: OwnRows, buckets: npt.NDArray[np.uint32], settings: tuple[int, int, int]
    ) -> SpelledStart:
        """A start by tokens, for n-grams of these settings: those of others are no use."""
        ngrams = start.ngrams if start.ngrams is not None and start.ngrams.settings == settings else None
        return cls(start.vectors, start.given, start.output, ngrams, own=own, buckets=buckets)

    def lay(self, inputs: FloatArray, outputs: FloatArray) -> None:
        """See the base."""
        Start.lay(self, inputs, outputs)
        if self.ngrams is None:
            self._lay_means(inputs)
        else:
            self._lay_ngrams(self.ngrams, inputs[len(self.given) :])
        self._make_up(inputs, self.given)

    def hold(self, inputs: FloatArray, counts: IntArray) -> None:
        """N-grams that a token shares with others have moved: its own row makes up for that."""
        self._make_up(inputs, self.given & (counts == 0))

    def _lay_ngrams(self, found: NgramVectors, table: FloatArray) -> None:
        if not len(found.buckets):
            return
        places = np.minimum(np.searchsorted(found.buckets, self.buckets), len(found.buckets) - 1)
        there = found.buckets[places] == self.buckets
        table[there] = found.vectors[places[there]]

    def _lay_means(self, inputs: FloatArray) -> None:
        tokens = np.repeat(np.arange(len(self.given)), self._sizes())
        taken = self.given[tokens] & (self.own.rows >= len(self.given))
        rows = self.own.rows[taken]
        order = np.argsort(rows, kind="stable")
        laid, starts, sizes = np.unique(rows[order], return_index=True, return_counts=True)
        for part, total in sums(self.vectors, Groups(tokens[taken][order], starts + sizes)):
            inputs[laid[part]] = total / sizes[part, None].astype(np.float32)

    def _make_up(self, inputs: FloatArray, which: npt.NDArray[np.bool_]) -> None:
        """Set the own rows of some tokens so that the mean of all rows of a token is its vector."""
        sizes = self._sizes()
        rows, tokens = self.own.rows[np.repeat(which, sizes)], np.flatnonzero(which)
        for part, total in sums(inputs, Groups(rows, np.cumsum(sizes[tokens]))):
            some = tokens[part]
            inputs[some] += self.vectors[some] * sizes[some, None].astype(np.float32) - total

    def _sizes(self) -> IntArray:
        return np.diff(self.own.ends, prepend=0)


def sums(table: FloatArray, groups: Groups) -> Iterator[tuple[slice, FloatArray]]:
    """The sums of the rows of each group, some groups at a time: which, and shape (groups, dim)."""
    most = NUMBERS_AT_ONCE // table.shape[1]
    starts = np.concatenate([np.zeros(1, dtype=np.int64), groups.ends[:-1]])
    first = 0
    while first < len(groups.ends):
        start = int(starts[first])
        last = max(first + 1, int(np.searchsorted(groups.ends, start + most, side="right")))
        rows = table[groups.rows[start : int(groups.ends[last - 1])]]
        yield slice(first, last), np.add.reduceat(rows, starts[first:last] - start, axis=0)
        first = last
