"""What a training begins with in place of random numbers: vectors of an earlier one, or of another tool.

A token that the new text has goes on from its vector; one that it lacks keeps it. Subsampling and random tokens go by
the counts of the new text alone: they are about what is read, and a token that does not occur is never drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class NgramVectors:
    """Vectors of n-grams, by the buckets that they are hashed to.

    Attributes:
        buckets: Sorted; uint32, shape (used,).
        vectors: float32, shape (used, dim).
        settings: minn, maxn and the number of buckets: with others a bucket is of other n-grams.
    """

    buckets: npt.NDArray[np.uint32]
    vectors: FloatArray
    settings: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Start:
    """Vectors by the ids of the tokenizer that is trained on.

    Attributes:
        vectors: float32, shape (vocab, dim).
        given: Tokens that begin with theirs; the others begin at random. Shape (vocab,).
        output: The other half of the model, rows as above; None begins with zeros, as a new training does.
        ngrams: Of a family that has them.
    """

    vectors: FloatArray
    given: npt.NDArray[np.bool_]
    output: FloatArray | None = None
    ngrams: NgramVectors | None = None

    def lay(self, inputs: FloatArray, outputs: FloatArray) -> None:
        """Write them into the tables of a training; rows of `inputs` behind those of the tokens stay as they are."""
        given = self.given[:, None]
        np.copyto(inputs[: len(given)], self.vectors, where=given)
        if self.output is not None:
            np.copyto(outputs, self.output, where=given)

    def hold(self, inputs: FloatArray, counts: IntArray) -> None:
        """After training, give tokens that the text lacks back what other tokens' steps took from them: here, nothing.

        Args:
            inputs: The table, changed.
            counts: How often the text has each token.
        """

    def keep(self, vectors: FloatArray, counts: IntArray) -> None:
        """Write the vectors of tokens that the text lacks, to the bit, into those that a training gave."""
        np.copyto(vectors, self.vectors, where=(self.given & (counts == 0))[:, None])

    def keep_output(self, output: FloatArray, counts: IntArray) -> None:
        """The same for the other half."""
        if self.output is not None:
            np.copyto(output, self.output, where=(self.given & (counts == 0))[:, None])
