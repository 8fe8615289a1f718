"""Inference over documents in batches of similar length, for torch and ONNX Runtime alike. Needs no torch.

Documents come with the template's special tokens, truncated to the model's context length, as in sentence-transformers.
Results are in the order of the documents.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np

from tokit.arrays import FloatArray, Ids, IntArray
from tokit.lm.data.padding import by_length, padded
from tokit.lm.folder.config import MEANS, Pooling


class ModelEncoder(ABC):
    """A model that turns ids into vectors.

    Attributes:
        pad: Padding id.
        context: Largest number of tokens of a document.
    """

    pad: int
    context: int

    @property
    @abstractmethod
    def dim(self) -> int:
        """Dimension of a vector."""

    @abstractmethod
    def vectors(self, rows: IntArray, real: IntArray) -> FloatArray:
        """Token vectors of a padded batch.

        Args:
            rows: Ids, padded on the right; int64, shape (rows, tokens).
            real: 1 at tokens, 0 at padding; same shape.

        Returns:
            float32, shape (rows, tokens, dim).
        """

    def tokens(self, ids: Ids) -> Iterator[tuple[IntArray, list[FloatArray]]]:
        """Token vectors of documents, a batch at a time.

        Args:
            ids: Documents with the template's special tokens, none longer than `context`.

        Yields:
            (numbers of the documents; token vectors of each, shape (tokens, dim)).
        """
        for numbers in by_length(ids.lengths):
            yield numbers, self._run(ids, numbers)

    def pool(self, ids: Ids, pooling: Pooling = MEANS) -> FloatArray:
        """One vector per document, pooled over its tokens, special ones included; shape (documents, dim)."""
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
