"""GloVe: products of vectors learn the logarithms of co-occurrence counts, frequent pairs more than rare ones.

Pennington et al. 2014, https://aclanthology.org/D14-1162
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray
from tokit.embedding.base import MAX_EPOCHS, MAX_WINDOW, Embedding, FitJob, Fitted, require_neighbours
from tokit.embedding.cooccurrence import Pairs, count_cooccurrences, inverse_weights, mapped
from tokit.embedding.start import Start
from tokit.embedding.windows import WHY_NOT_REPRODUCIBLE, WIDEST, aligned, kept_shares
from tokit.errors import TrainingError
from tokit.kernels.native import kernel
from tokit.params import param
from tokit.progress import Progress

# As in kernels/glove.py: vectors of a row, and biases.
PARTS, BIASES = 4, 4
# Pairs that one thread learns at a time: between so few, of which a small corpus has some, and so many.
SMALLEST_BLOCK, LARGEST_BLOCK, BLOCKS = 500, 1 << 16, 64
GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class GloveParams:
    """What GloVe takes."""

    window: int = param(10, "tokens to either side that count as neighbours", minimum=1, maximum=MAX_WINDOW)
    epochs: int = param(25, "passes over the pairs", minimum=1, maximum=MAX_EPOCHS)
    x_max: float = param(10.0, "co-occurrences from which on a pair has full weight", minimum=1e-6, maximum=1e12)
    alpha: float = param(0.75, "power of a rarer pair's share of x_max that is its weight", minimum=0, maximum=10)
    eta: float = param(0.05, "learning rate at the start", minimum=1e-6, maximum=1)
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
        require_neighbours(job.ids.ends)
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
        if not job.stop.is_set() and not (np.isfinite(vectors).all() and np.isfinite(output).all()):
            raise TrainingError("the training diverged: vectors are not finite", hint="lower --set eta=0.05")
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


class Training:
    """The run over the pairs.

    Args:
        job: What to learn from.
        examples: Its pairs.

    Attributes:
        losses: Mean loss of a pair in one direction, one an epoch.
    """

    def __init__(self, job: FitJob, examples: Examples) -> None:
        self._job = job
        self._params: GloveParams = job.params
        self._examples = examples
        rows = len(job.counts)
        self._stride = -(-job.dim // WIDEST) * WIDEST
        self._table = aligned(rows * PARTS * self._stride)
        self._biases = aligned(rows * BIASES)
        self._begin(rows)
        size = len(examples.pairs)
        self._block = min(max(size // BLOCKS, SMALLEST_BLOCK), LARGEST_BLOCK)
        self._blocks = -(-size // self._block)
        self._lock = threading.Lock()
        self._taken = self._until = self._done = 0
        self._directions = int(size + (examples.pairs[:, 0] != examples.pairs[:, 1]).sum())
        self._lost = np.zeros(self._params.epochs)

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
        """(sums of a token's two vectors, its vectors as a neighbour), zeros where nothing was learned."""
        table = self._table.reshape(-1, PARTS, self._stride)[:, :, : self._job.dim]
        both, output = table[:, 0] + table[:, 1], np.array(table[:, 1])
        both[~learned] = output[~learned] = 0
        return both, output

    def run(self, threads: int) -> None:
        """Learn every pair in every epoch, or until the job is stopped; from a checkpoint on, if there is one."""
        self._resume()
        turns = self._params.epochs * self._blocks
        while self._taken < turns and not self._job.stop.is_set():
            self._until = min(self._taken + self._turns_between_checkpoints(), turns)
            self._run_on(threads)
            if self._job.checkpoints and self._taken < turns and not self._job.stop.is_set():
                self._job.checkpoints.save(self._state(), self._taken)

    def _run_on(self, threads: int) -> None:
        if threads == 1:
            self._work()
            return
        with ThreadPoolExecutor(threads) as pool:
            for each in [pool.submit(self._work) for _ in range(threads)]:
                each.result()

    def _turns_between_checkpoints(self) -> int:
        """As many as have the share of the pairs that so many tokens are of the corpus."""
        if self._job.checkpoints is None:
            return self._params.epochs * self._blocks
        return max(self._job.checkpoints.every * self._blocks // max(len(self._job.ids.data), 1), 1)

    def _state(self) -> dict[str, npt.NDArray[Any]]:
        """What is learned; pairs are counted again, to the same sums."""
        return {"table": self._table, "biases": self._biases, "lost": self._lost}

    def _resume(self) -> None:
        found = self._job.checkpoints.load() if self._job.checkpoints else None
        if found is None:
            return
        arrays, self._taken = found
        for name, mine in self._state().items():
            mine[:] = arrays[name]
        epochs, number = divmod(self._taken, self._blocks)
        self._done = epochs * len(self._examples.pairs) + number * self._block

    def _work(self) -> None:
        learn = kernel("learn_glove")
        rate, loss = np.array([self._params.eta], dtype=np.float32), aligned(1)
        for epoch, number in self._turns():
            taken = slice(number * self._block, (number + 1) * self._block)
            pairs, numbers = self._examples.pairs[taken], self._examples.numbers[taken]
            draw = np.random.Generator(np.random.Philox(key=self._job.seed, counter=[0, 0, epoch, number + 1]))
            order = draw.permutation(len(pairs))
            learn(pairs[order], numbers[order], self._table, self._biases, self._stride, rate, loss)
            self._tell(epoch, len(pairs), float(loss[0]))

    def _turns(self) -> Iterator[tuple[int, int]]:
        """(epoch, block) of the blocks that fall to the calling thread."""
        while not self._job.stop.is_set():
            with self._lock:
                turn = self._taken
                if turn >= self._until:
                    return
                self._taken += 1
            yield divmod(turn, self._blocks)

    def _tell(self, epoch: int, pairs: int, loss: float) -> None:
        with self._lock:
            self._done += pairs
            self._lost[epoch] += loss
            total = self._params.epochs * len(self._examples.pairs)
            done = self._done - epoch * len(self._examples.pairs)
            note = f"epoch {epoch + 1} of {self._params.epochs}, loss {self._lost[epoch] / max(2 * done, 1):.3f}"
            self._job.tick(Progress("fitting", self._done, total, "pairs", note))
