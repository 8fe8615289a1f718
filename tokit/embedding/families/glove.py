"""GloVe: products of vectors learn the logarithms of co-occurrence counts, frequent pairs more than rare ones.

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
    Embedding,
    FitJob,
    Fitted,
    require_finite,
    require_neighbors,
)
from tokit.embedding.train.cooccurrence import Pairs, count_cooccurrences, inverse_weights, mapped
from tokit.embedding.train.training_loop import Run
from tokit.embedding.train.word2vec import aligned, kept_shares
from tokit.embedding.warm_start import Start
from tokit.errors import TrainingError
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import BIASES, PARTS, WIDEST
from tokit.params import param

# Pairs that one thread learns at a time: between so few, of which a small corpus has some, and so many.
SMALLEST_BLOCK, LARGEST_BLOCK, BLOCKS = 500, 1 << 16, 64
GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class GloveParams:
    """What GloVe takes."""

    window: int = param(10, "tokens to either side that count as neighbors", minimum=1, maximum=MAX_WINDOW)
    epochs: int = param(25, "passes over the pairs", minimum=1, maximum=MAX_EPOCHS)
    x_max: float = param(10.0, "co-occurrences from which on a pair has full weight", minimum=1e-6, maximum=1e12)
    alpha: float = param(0.75, "power of a rarer pair's share of x_max that is its weight", minimum=0, maximum=10)
    learning_rate: float = param(0.05, "learning rate at the start", minimum=1e-6, maximum=1)
    memory: int = param(1024, "megabytes to count pairs in; more go to temporary files", minimum=1)


class Glove(Embedding):
    """Learns from counts, so that a long corpus costs no more than a short one with as many different pairs."""

    name: ClassVar[str] = "glove"
    Params: ClassVar[type[Any]] = GloveParams
    resumes: ClassVar[bool] = True
    starts: ClassVar[bool] = True
    outputs_of: ClassVar[tuple[str, ...]] = ("glove",)

    @classmethod
    def fit(cls, job: FitJob) -> Fitted:
        """See the base."""
        require_neighbors(job)
        params: GloveParams = job.params
        started = time.perf_counter()
        counts = count_cooccurrences(
            job, inverse_weights(params.window), memory=params.memory, kept=kept_shares(job.counts, 0)
        )
        if not len(counts) and not job.stop.is_set():
            raise TrainingError("no two tokens that the tokenizer knows stand together", hint="give more text")
        training = Training(job, spread_out(counts, params))
        threads = 1 if job.deterministic else job.threads
        training.run(threads)
        learned = counts.totals(len(job.counts)) > 0
        vectors, output = training.vectors(learned if job.start is None else learned | job.start.given)
        if job.start is not None:
            job.start.keep(vectors, job.counts)
        if not job.stop.is_set():
            require_finite(vectors, output, lower="--learning-rate 0.05")
        seconds = max(time.perf_counter() - started, 1e-9)
        because = WHY_NOT_REPRODUCIBLE if threads > 1 else ""
        return Fitted(vectors, output, tuple(training.losses), len(job.ids.data) / seconds, because)


@dataclass(frozen=True, slots=True)
class Examples:
    """Pairs to learn, as the kernel takes them, in an order that is as good as any.

    Attributes:
        pairs: Two ids each; uint32, shape (pairs, 2).
        numbers: The logarithm of the count and the weight in the loss; float32, shape (pairs, 2).
    """

    pairs: npt.NDArray[np.uint32]
    numbers: FloatArray


def spread_out(counts: Pairs, params: GloveParams) -> Examples:
    """Deal pairs out so that any few of them that lie together are of all tokens.

    The e-th goes to place e * step modulo their number, with a step near the golden ratio of it: a permutation, that
    needs no memory of its own.
    """
    size = len(counts)
    on_disk = 16 * size > params.memory << 20
    room = [mapped(size) if on_disk else np.empty(size, dtype=np.uint64) for _ in range(2)]
    pairs, numbers = room[0].view(np.uint32).reshape(-1, 2), room[1].view(np.float32).reshape(-1, 2)
    step, start = coprime(size), 0
    for low, high, sums in counts.pieces():
        places = np.arange(start, start + len(low)) * step % size
        both = np.where(low == high, 2 * sums, sums)
        pairs[places] = np.stack([low, high], axis=1)
        weights = np.minimum((both / params.x_max) ** params.alpha, 1)
        numbers[places] = np.stack([np.log(both), weights], axis=1)
        start += len(low)
    return Examples(pairs, numbers)


def coprime(size: int) -> int:
    """The number nearest above the golden part of another that shares no divisor with it."""
    step = int(size * GOLDEN) + 1
    while math.gcd(step, size) > 1:
        step += 1
    return step


def block_ends(pairs: int) -> IntArray:
    """Where blocks of so many pairs end; int64, shape (blocks,)."""
    block = min(max(pairs // BLOCKS, SMALLEST_BLOCK), LARGEST_BLOCK)
    return np.minimum(np.arange(1, -(-pairs // block) + 1) * block, pairs)


def halve(start: Start, pairs: FloatArray) -> None:
    """Let the two vectors of a token add up to the one it begins with.

    Args:
        start: Its `output` is the second of them; where it has none, both are half of the sum.
        pairs: Changed; shape (vocab, 2, dim).
    """
    second = start.vectors / 2 if start.output is None else start.output
    given = start.given[:, None]
    np.copyto(pairs[:, 0], start.vectors - second, where=given)
    np.copyto(pairs[:, 1], second, where=given)


class Training(Run):
    """The run over the pairs.

    Args:
        job: What to learn from.
        examples: Its pairs.

    Attributes:
        losses: Mean loss of a pair in one direction, one an epoch.
    """

    unit: ClassVar[str] = "pairs"

    def __init__(self, job: FitJob, examples: Examples) -> None:
        size = len(examples.pairs)
        super().__init__(job, block_ends(size), np.zeros(job.params.epochs))
        self._params: GloveParams = job.params
        self._examples = examples
        rows = len(job.counts)
        self._stride = -(-job.dim // WIDEST) * WIDEST
        self._table = aligned(rows * PARTS * self._stride)
        self._biases = aligned(rows * BIASES)
        self._begin(rows)
        self._directions = int(size + (examples.pairs[:, 0] != examples.pairs[:, 1]).sum())

    def _begin(self, rows: int) -> None:
        """Even random numbers between ±1/(2 dim), and sums of squares of one, as the reference begins."""
        dim = self._job.dim
        draw = np.random.Generator(np.random.Philox(key=self._job.seed))
        table = self._table.reshape(rows, PARTS, self._stride)
        table[:, :2, :dim] = (draw.random((rows, 2, dim), dtype=np.float32) - np.float32(0.5)) / np.float32(dim)
        table[:, 2:] = 1
        biases = self._biases.reshape(rows, BIASES)
        biases[:, :2] = (draw.random((rows, 2), dtype=np.float32) - np.float32(0.5)) / np.float32(dim)
        biases[:, 2:] = 1
        if self._job.start is not None:
            halve(self._job.start, table[:, :2, :dim])

    @property
    def losses(self) -> list[float]:
        """See the class."""
        return [float(lost / max(self._directions, 1)) for lost in self._lost]

    def vectors(self, learned: npt.NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
        """(sums of a token's two vectors, its vectors as a neighbor), zeros where nothing was learned."""
        table = self._table.reshape(-1, PARTS, self._stride)[:, :, : self._job.dim]
        both, output = table[:, 0] + table[:, 1], np.array(table[:, 1])
        both[~learned] = output[~learned] = 0
        return both, output

    def _next_checkpoint(self, every: int) -> int:
        """As many turns on as have the share of the pairs that so many tokens are of the corpus."""
        turns = max(every * len(self._blocks) // max(len(self._job.ids.data), 1), 1)
        return min(self._taken + turns, self._last)

    def _state(self) -> dict[str, npt.NDArray[Any]]:
        """What is learned; pairs are counted again, to the same sums."""
        return {"table": self._table, "biases": self._biases, "lost": self._lost}

    def _work(self) -> None:
        learn = kernel("learn_glove")
        rate, loss = np.array([self._params.learning_rate], dtype=np.float32), aligned(1)
        for turn in self._turns():
            taken = slice(turn.start, turn.end)
            pairs, numbers = self._examples.pairs[taken], self._examples.numbers[taken]
            order = np.random.Generator(self._stream(turn)).permutation(len(pairs))
            learn(pairs[order], numbers[order], self._table, self._biases, self._stride, rate, loss)
            self._tell(turn, float(loss[0]))

    def _note(self, epoch: int) -> str:
        done = self._skipped + self._done - epoch * self._size
        return f"epoch {epoch + 1} of {self._params.epochs}, loss {self._lost[epoch] / max(2 * done, 1):.3f}"
