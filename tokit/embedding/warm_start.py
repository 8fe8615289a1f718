"""Initial vectors for warm-started training, from an earlier training or from another tool.

A token that the new text has is trained further from its vector; one that it lacks keeps it. Subsampling and negative
sampling use the counts of the new text alone: a token that does not occur is never drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class NgramVectors:
    """Vectors of n-grams by hash bucket.

    Attributes:
        buckets: Ascending; uint32, shape (used,).
        vectors: float32, shape (used, dim).
        settings: minn, maxn and bucket: with other settings a bucket holds other n-grams.
    """

    buckets: npt.NDArray[np.uint32]
    vectors: FloatArray
    settings: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class InitialVectors:
    """Initial vectors by the ids of the tokenizer that is trained on.

    Attributes:
        vectors: float32, shape (vocab, dim).
        initialized: Tokens that have an initial vector; the others are initialized at random. Shape (vocab,).
        output: Output vectors, rows as above; None initializes them with zeros, as a new training does.
        ngrams: Vectors of n-grams, for a family that has them.
    """

    vectors: FloatArray
    initialized: npt.NDArray[np.bool_]
    output: FloatArray | None = None
    ngrams: NgramVectors | None = None

    def initialize(self, inputs: FloatArray, outputs: FloatArray) -> None:
        """Write the vectors into the matrices of a training. Rows of `inputs` behind the tokens' are not changed."""
        initialized = self.initialized[:, None]
        np.copyto(inputs[: len(initialized)], self.vectors, where=initialized)
        if self.output is not None:
            np.copyto(outputs, self.output, where=initialized)

    def restore_means(self, inputs: FloatArray, counts: IntArray) -> None:
        """After training, correct tokens that the text lacks for changes of rows that they share: here there are none.

        Args:
            inputs: The input matrix, changed.
            counts: Occurrences of each token in the text.
        """

    def restore(self, vectors: FloatArray, counts: IntArray) -> None:
        """Write the vectors of tokens that the text lacks, to the bit, into trained ones."""
        np.copyto(vectors, self.vectors, where=(self.initialized & (counts == 0))[:, None])

    def restore_output(self, output: FloatArray, counts: IntArray) -> None:
        """Write the output vectors of tokens that the text lacks into trained ones."""
        if self.output is not None:
            np.copyto(output, self.output, where=(self.initialized & (counts == 0))[:, None])
