"""Plain co-occurrence counts and GloVe's step: the reference of the kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

from tokit.arrays import FloatArray, Ids, Pieces
from tokit.embedding.base import FitJob
from tokit.ids.stream import IdStream

VOCAB = 50
HOSTILE = [[], [3], [], [7, 7, 7, 7], [0, 1], [49, 0, 49], [], [5] * 40]


def plain_counts(documents: list[list[int]], window: int, weight: Callable[[int], float]) -> dict[tuple[int, int], int]:
    """What pairs of ids (low, high) weigh, in units of 2**-24."""
    sums: Counter[tuple[int, int]] = Counter()
    for document in documents:
        for here, token in enumerate(document):
            for distance in range(1, min(window, here) + 1):
                other = document[here - distance]
                sums[min(token, other), max(token, other)] += round(weight(distance) * 2**24)
    return dict(sums)


class PlainGlove:
    """Vectors and biases of tokens and neighbors, float64, and their sums of squares."""

    def __init__(self, vectors: FloatArray, biases: FloatArray) -> None:
        self.vectors, self.biases = vectors, biases
        self.vector_squares, self.bias_squares = np.ones_like(vectors), np.ones_like(biases)

    def learn(self, token: int, neighbor: int, target: float, weight: float, rate: float) -> float:
        """Learn a pair in one direction; its loss."""
        a, b = (token, 0), (neighbor, 1)
        error = self.vectors[a] @ self.vectors[b] + self.biases[a] + self.biases[b] - target
        step = min(max(weight * error, -100), 100) * rate
        for at, moved in [(a, step * self.vectors[b]), (b, step * self.vectors[a])]:
            self.vectors[at] -= moved / np.sqrt(self.vector_squares[at])
            self.vector_squares[at] += moved**2
        for at in (a, b):
            self.biases[at] -= step / np.sqrt(self.bias_squares[at])
            self.bias_squares[at] += step**2
        return float(0.5 * weight * error**2)


def job(documents: list[list[int]]) -> FitJob:
    ids = Ids.of(documents)
    none = Pieces((), (), np.zeros(0, dtype=np.bool_))
    counts = np.bincount(ids.data, minlength=VOCAB)
    return FitJob(ids=IdStream(ids.data, ids.ends), pieces=none, counts=counts, dim=4, params=None)


def many(seed: int) -> list[list[int]]:
    draw = np.random.default_rng(seed)
    sizes = [*draw.integers(0, 30, 60).tolist(), 900, 0, 0, 1, 400]
    return [*HOSTILE, *((VOCAB * draw.random(size) ** 3).astype(int).tolist() for size in sizes)]
