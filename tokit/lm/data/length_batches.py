"""Documents through a model in batches of about the same length, whatever computes the model. Needs no torch.

A document is framed by its template and cut to what the model takes, as sentence-transformers does. What comes out is
in the order of what went in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np

from tokit.arrays import FloatArray, Ids, IntArray
from tokit.lm.data.padding import by_length, padded
from tokit.lm.folder.config import MEANS, Pooling


class ModelEncoder(ABC):
    """A model as a function from ids to vectors.

    Attributes:
        pad: The id that fills rows up.
        context: Tokens of a document that are looked at.
    """

    pad: int
    context: int

    @property
    @abstractmethod
    def dim(self) -> int:
        """Columns of a vector."""

    @abstractmethod
    def vectors(self, rows: IntArray, real: IntArray) -> FloatArray:
        """A vector for each token.

        Args:
            rows: Ids, filled up behind; int64, shape (rows, tokens).
            real: 1 at tokens, 0 where a row is filled up; the same.

        Returns:
            float32, shape (rows, tokens, dim).
        """

    def tokens(self, ids: Ids) -> Iterator[tuple[IntArray, list[FloatArray]]]:
        """Vectors of the tokens of documents, some documents at a time.

        Args:
            ids: Documents as the template frames them, none longer than `context`.

        Yields:
            (numbers of the documents, the tokens' vectors of each, shape (tokens, dim)).
        """
        for numbers in by_length(ids.lengths):
            yield numbers, self._run(ids, numbers)

    def pool(self, ids: Ids, pooling: Pooling = MEANS) -> FloatArray:
        """One vector a document, made of its tokens', those of the template included; shape (documents, dim)."""
        pooled = np.zeros((len(ids), self.dim), dtype=np.float32)
        for numbers, vectors in self.tokens(ids):
            for number, rows in zip(numbers.tolist(), vectors, strict=True):
                if len(rows):
                    pooled[number] = pooling.of(rows)
        return pooled

    def _run(self, ids: Ids, numbers: IntArray) -> list[FloatArray]:
        rows, real = padded(ids.data, ids.ends, numbers, self.pad)
        if not rows.size:
            return [np.zeros((0, self.dim), dtype=np.float32) for _ in numbers]
        vectors = self.vectors(rows, real.astype(np.int64))
        return [row[:length] for row, length in zip(vectors, real.sum(axis=1).tolist(), strict=True)]
