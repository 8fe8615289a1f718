"""GloVe: dot products of vectors learn the logarithms of co-occurrence counts, weighted by frequency.

Pennington et al. 2014, https://aclanthology.org/D14-1162
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.base import (
    MAX_EPOCHS,
    MAX_WINDOW,
    WHY_NOT_REPRODUCIBLE,
    Capability,
    Embedding,
    FitJob,
    Fitted,
    require_finite,
    require_neighbors,
)
from tokit.embedding.train.cooccurrence import Cooccurrences, count_cooccurrences, inverse_weights, mapped
from tokit.embedding.train.training_loop import TrainingRun
from tokit.embedding.train.word2vec import aligned_zeros, keep_probabilities
from tokit.embedding.warm_start import InitialVectors
from tokit.errors import TrainingError
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import BIASES, PARTS, WIDEST
from tokit.params import param

# Limits of the pairs in a block, which one thread learns at a time, and the number of blocks between them.
SMALLEST_BLOCK, LARGEST_BLOCK, BLOCKS = 500, 1 << 16, 64
GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class GloveParams:
    """Parameters of GloVe."""

    window: int = param(10, "largest distance of a context token", minimum=1, maximum=MAX_WINDOW)
    epochs: int = param(25, "passes over the pairs", minimum=1, maximum=MAX_EPOCHS)
    x_max: float = param(10.0, "co-occurrences above which a pair has full weight", minimum=1e-6, maximum=1e12)
    alpha: float = param(0.75, "exponent of the weight of rarer pairs, (count / x_max)^alpha", minimum=0, maximum=10)
    learning_rate: float = param(0.05, "initial learning rate (AdaGrad)", minimum=1e-6, maximum=1)
    memory: int = param(1024, "megabytes to count pairs in; the rest goes to temporary files", minimum=1)


class Glove(Embedding):
    """Learns from co-occurrence counts: the cost depends on the number of different pairs, not on the corpus."""

    name: ClassVar[str] = "glove"
    Params: ClassVar[type[Any]] = GloveParams
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.RESUMABLE, Capability.WARM_STARTABLE})
    shares_output_with: ClassVar[tuple[str, ...]] = ("glove",)

    @classmethod
    def fit(cls, job: FitJob) -> Fitted:
        """Learn vectors."""
        require_neighbors(job)
        params: GloveParams = job.params
        started = time.perf_counter()
        counts = count_cooccurrences(
            job, inverse_weights(params.window), memory=params.memory, keep=keep_probabilities(job.counts, 0)
        )
        if not len(counts) and not job.stop.is_set():
            raise TrainingError("no two tokens that the tokenizer knows stand together", hint="give more text")
        training = GloveTraining(job, shuffled_pairs(counts, params))
        threads = 1 if job.deterministic else job.threads
        training.run(threads)
        learned = counts.totals(len(job.counts)) > 0
        vectors, output = training.vectors(learned if job.warm_start is None else learned | job.warm_start.initialized)
        if job.warm_start is not None:
            job.warm_start.restore(vectors, job.counts)
        if not job.stop.is_set():
            require_finite(vectors, output, lower="--learning-rate 0.05")
        seconds = max(time.perf_counter() - started, 1e-9)
        because = WHY_NOT_REPRODUCIBLE if threads > 1 else ""
        return Fitted(
            vectors=vectors,
            output=output,
            losses=tuple(training.losses),
            words_per_second=len(job.ids.data) / seconds,
            not_reproducible_because=because,
        )


@dataclass(frozen=True, slots=True)
class TrainingPairs:
    """Pairs to learn in the kernel's layout, shuffled.

    Attributes:
        pairs: Two ids; uint32, shape (pairs, 2).
        numbers: The logarithm of the count and the weight in the loss; float32, shape (pairs, 2).
    """

    pairs: npt.NDArray[np.uint32]
    numbers: FloatArray


def shuffled_pairs(counts: Cooccurrences, params: GloveParams) -> TrainingPairs:
    """Shuffle pairs: those of one token lie together in the counts.

    Pair e goes to place e * step modulo their number, with a step near the golden section of it: a permutation that
    needs no memory.
    """
    size = len(counts)
    on_disk = 16 * size > params.memory << 20
    arrays = [mapped(size) if on_disk else np.empty(size, dtype=np.uint64) for _ in range(2)]
    pairs, numbers = arrays[0].view(np.uint32).reshape(-1, 2), arrays[1].view(np.float32).reshape(-1, 2)
    step, start = coprime(size), 0
    for low, high, sums in counts.pieces():
        places = np.arange(start, start + len(low)) * step % size
        both = np.where(low == high, 2 * sums, sums)
        pairs[places] = np.stack([low, high], axis=1)
        weights = np.minimum((both / params.x_max) ** params.alpha, 1)
        numbers[places] = np.stack([np.log(both), weights], axis=1)
        start += len(low)
    return TrainingPairs(pairs, numbers)


def coprime(size: int) -> int:
    """Return the first number above the golden section of `size` that is coprime to it."""
    step = int(size * GOLDEN) + 1
    while math.gcd(step, size) > 1:
        step += 1
    return step


def block_ends(pairs: int) -> IntArray:
    """Ends of the blocks of a number of pairs; int64, shape (blocks,)."""
    block = min(max(pairs // BLOCKS, SMALLEST_BLOCK), LARGEST_BLOCK)
    return np.minimum(np.arange(1, -(-pairs // block) + 1) * block, pairs)


def split_vectors(start: InitialVectors, pairs: FloatArray) -> None:
    """Initialize the two vectors of each token so that they add up to its vector in `start`.

    Args:
        start: Its `output` is the second vector; without one, both are half of the sum.
        pairs: Changed; shape (vocab, 2, dim).
    """
    second = start.vectors / 2 if start.output is None else start.output
    initialized = start.initialized[:, None]
    np.copyto(pairs[:, 0], start.vectors - second, where=initialized)
    np.copyto(pairs[:, 1], second, where=initialized)


class GloveTraining(TrainingRun):
    """Training on co-occurrences with AdaGrad.

    Args:
        job: The job.
        pairs: Its pairs.

    Attributes:
        losses: Mean loss of a pair in one direction, one an epoch.
    """

    unit: ClassVar[str] = "pairs"

    def __init__(self, job: FitJob, pairs: TrainingPairs) -> None:
        size = len(pairs.pairs)
        super().__init__(job, block_ends(size), np.zeros(job.params.epochs))
        self._params: GloveParams = job.params
        self._pairs = pairs
        rows = len(job.counts)
        self._stride = -(-job.dim // WIDEST) * WIDEST
        self._table = aligned_zeros(rows * PARTS * self._stride)
        self._biases = aligned_zeros(rows * BIASES)
        self._initialize(rows)
        self._directions = int(size + (pairs.pairs[:, 0] != pairs.pairs[:, 1]).sum())

    def _initialize(self, rows: int) -> None:
        """Uniform random numbers between ±1/(2 dim), and sums of squares of one, as in the reference code."""
        dim = self._job.dim
        draw = np.random.Generator(np.random.Philox(key=self._job.seed))
        table = self._table.reshape(rows, PARTS, self._stride)
        table[:, :2, :dim] = (draw.random((rows, 2, dim), dtype=np.float32) - np.float32(0.5)) / np.float32(dim)
        table[:, 2:] = 1
        biases = self._biases.reshape(rows, BIASES)
        biases[:, :2] = (draw.random((rows, 2), dtype=np.float32) - np.float32(0.5)) / np.float32(dim)
        biases[:, 2:] = 1
        if self._job.warm_start is not None:
            split_vectors(self._job.warm_start, table[:, :2, :dim])

    @property
    def losses(self) -> list[float]:
        """Mean loss of a pair in one direction, for each epoch."""
        return [float(total / max(self._directions, 1)) for total in self._loss_sums]

    def vectors(self, learned: npt.NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
        """(sums of each token's two vectors, its context vectors), zeros where nothing was learned."""
        table = self._table.reshape(-1, PARTS, self._stride)[:, :, : self._job.dim]
        sums, output = table[:, 0] + table[:, 1], np.array(table[:, 1])
        sums[~learned] = output[~learned] = 0
        return sums, output

    def _next_checkpoint(self, every: int) -> int:
        """Pairs in proportion to tokens: `every` of the corpus's tokens are as large a fraction of them."""
        turns = max(every * len(self._blocks) // max(len(self._job.ids.data), 1), 1)
        return min(self._taken + turns, self._last)

    def _state(self) -> dict[str, npt.NDArray[Any]]:
        """Vectors and biases; pairs are counted again, to the same sums."""
        return {"table": self._table, "biases": self._biases, "losses": self._loss_sums}

    def _work(self) -> None:
        learn = kernel("learn_glove")
        rate, loss = np.array([self._params.learning_rate], dtype=np.float32), aligned_zeros(1)
        for turn in self._turns():
            block = slice(turn.start, turn.end)
            pairs, numbers = self._pairs.pairs[block], self._pairs.numbers[block]
            order = np.random.Generator(self._random_stream(turn)).permutation(len(pairs))
            learn(pairs[order], numbers[order], self._table, self._biases, self._stride, rate, loss)
            self._report(turn, float(loss[0]))

    def _note(self, epoch: int) -> str:
        done = self._skipped + self._done - epoch * self._size
        return f"epoch {epoch + 1} of {self._params.epochs}, loss {self._loss_sums[epoch] / max(2 * done, 1):.3f}"
