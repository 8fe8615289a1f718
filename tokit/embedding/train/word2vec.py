"""Skip-gram and bag of words in the kernels: the corpus block by block, on several threads, into two tables.

What one thread learns depends on nothing but the job, see `running.py`. Several threads share the tables without locks,
and then it also depends on the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.base import (
    WHY_NOT_REPRODUCIBLE,
    FitJob,
    Fitted,
    WindowParams,
    require_finite,
    require_neighbors,
)
from tokit.embedding.train.training_loop import Run, Turn
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import ALWAYS, CBOW, FASTTEXT, GROUP, LARGEST_SCORE, SCORES, SKIPGRAM, TOGETHER, WIDEST

# Sets of random tokens that means share: of 9 million words, bags that share one solve a sixth fewer analogies.
SETS = 3
# Places of a curve over [-LARGEST_SCORE, LARGEST_SCORE).
CURVE = 1024
# Tokens of a block: between so few, of which a small corpus has some hundred, and so many.
SMALLEST_BLOCK, LARGEST_BLOCK, BLOCKS = 500, 1 << 15, 1000
# Rows drawn at once: no second table of them is held.
ROWS_AT_ONCE = 1 << 12
# The power of a token's count with which it is drawn as a random one (Mikolov et al. 2013, section 2.2).
DRAWN_POWER = 0.75
CACHE_LINE = 64


@dataclass(frozen=True, slots=True)
class OwnRows:
    """The rows that a token's vector is the mean of.

    Attributes:
        ends: int64, shape (vocab,).
        rows: Rows of one token after the other, its own first; uint32, flat.
        size: Rows of the table.
    """

    ends: IntArray
    rows: npt.NDArray[np.uint32]
    size: int


def fit_windows(job: FitJob, *, bag: bool = False, own: OwnRows | None = None) -> Fitted:
    """Learn two tables of vectors.

    Args:
        job: What to learn from.
        bag: From the mean of the neighbors, not from each of them.
        own: From the mean of a token's own rows.

    Raises:
        TrainingError: no document has two tokens, or the training diverged.
    """
    require_neighbors(job)
    training = Training(job, bag=bag, own=own)
    threads = 1 if job.deterministic else job.threads
    training.run(threads)
    if job.start is not None:
        job.start.hold(training.inputs.vectors, job.counts)
    vectors = training.inputs.rows(job.known) if own is None else mean_rows(training.inputs, own, job.known)
    output = training.outputs.rows(job.known)
    if not job.stop.is_set():
        require_finite(vectors, output, lower="--learning-rate 0.025")
    because = WHY_NOT_REPRODUCIBLE if threads > 1 else ""
    table = None if own is None else training.inputs.vectors
    return Fitted(vectors, output, tuple(training.losses), training.per_second, because, table=table)


class Table:
    """Vectors as the kernels want them: rows that start at a cache line, and one more of zeros.

    Attributes:
        numbers: float32, flat.
        stride: Numbers from row to row.
    """

    def __init__(self, rows: int, dim: int) -> None:
        self.stride = -(-dim // WIDEST) * WIDEST
        self._dim = dim
        self.numbers = aligned((rows + 1) * self.stride)

    @property
    def vectors(self) -> FloatArray:
        """A view without the last row and what fills the lines up; shape (rows, dim)."""
        return self.numbers.reshape(-1, self.stride)[:-1, : self._dim]

    def rows(self, known: npt.NDArray[np.bool_]) -> FloatArray:
        """The vectors, made zero where a token is not known; shape (vocab, dim)."""
        rows = self.vectors
        rows[~known] = 0
        return rows


def aligned(size: int, dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
    """Zeros, shape (size,), in cache lines of their own: what threads write must not lie in one line."""
    held = np.dtype(dtype).itemsize * size
    raw = np.zeros(held + 2 * CACHE_LINE, dtype=np.uint8)
    first = -raw.ctypes.data % CACHE_LINE
    return raw[first : first + held].view(dtype)


def mean_rows(table: Table, own: OwnRows, known: npt.NDArray[np.bool_]) -> FloatArray:
    """The mean of each token's own rows, zeros where a token is not known; shape (vocab, dim)."""
    means = np.empty((len(known), table.stride), dtype=np.float32)
    sizes, most = np.empty(len(known), dtype=np.int64), len(own.rows)
    kernel("pool_means")(own.rows, own.ends, table.numbers, table.stride, -1, most, means.reshape(-1), sizes)
    means[~known] = 0
    return np.ascontiguousarray(means[:, : table.vectors.shape[1]])


def start_vectors(table: Table, seed: int) -> None:
    """Even random numbers between ±1/(2 dim), as word2vec begins."""
    rows, dim = table.vectors.shape
    draw = np.random.Generator(np.random.Philox(key=seed))
    for first in range(0, rows, ROWS_AT_ONCE):
        some = table.vectors[first : first + ROWS_AT_ONCE]
        some[:] = (draw.random(some.shape, dtype=np.float32) - np.float32(0.5)) / np.float32(dim)


def kept_shares(counts: IntArray, sample: float) -> npt.NDArray[np.uint32]:
    """How many of 2**32 occurrences of each token are learned from; 2**32 - 1 for all; shape (vocab,).

    A token of frequency f is kept with probability sqrt(t / f) + t / f, as in word2vec's own code; one without a count
    is passed over.
    """
    if not sample:
        return np.where(counts > 0, ALWAYS, 0).astype(np.uint32)
    ratio = sample * max(int(counts.sum()), 1) / np.maximum(counts, 1)
    shares = np.minimum((np.sqrt(ratio) + ratio) * (1 << 32), ALWAYS)
    return np.where(counts > 0, shares, 0).astype(np.uint32)


def alias_table(weights: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """A table to draw numbers from, by Walker's method: (limit of 2**32 below which a place stands, else the other).

    https://doi.org/10.1145/355744.355749

    Args:
        weights: Not negative, not all zero, shape (n,).
    """
    share = np.asarray(weights, dtype=np.float64) * (len(weights) / np.sum(weights, dtype=np.float64))
    other = np.arange(len(share))
    poor, rich = (np.flatnonzero(share < 1).tolist(), np.flatnonzero(share >= 1).tolist())
    left = share.tolist()
    while poor and rich:
        taker, giver = poor.pop(), rich[-1]
        other[taker] = giver
        left[giver] -= 1 - left[taker]
        if left[giver] < 1:
            poor.append(rich.pop())
    limits = np.array(left)
    # What is left over has a share of one but for rounding.
    limits[poor + rich] = 1
    return np.minimum(limits * (1 << 32), ALWAYS).astype(np.uint32), other.astype(np.uint32)


def rows_told(way: int, negatives: int) -> int:
    """Rows of the second table that are told apart at once, at least: random ones, and the true one of SKIPGRAM."""
    return negatives + 1 if way == SKIPGRAM else SETS * negatives


def loss_curve(steps: int = CURVE) -> npt.NDArray[np.float32]:
    """-log(sigmoid) in the middle of each of so many steps from -LARGEST_SCORE to LARGEST_SCORE."""
    middles = (np.arange(steps) + 0.5) * (2 * LARGEST_SCORE / steps) - LARGEST_SCORE
    losses: npt.NDArray[np.float32] = np.log1p(np.exp(-middles)).astype(np.float32)
    return losses


def row_masks() -> npt.NDArray[np.float32]:
    """For each number of rows up to GROUP: ones in so many places of each SCORES; flat."""
    places = np.arange(WIDEST) % SCORES
    return (places < np.arange(GROUP + 1)[:, None]).astype(np.float32).reshape(-1)


@dataclass(slots=True)
class Workspace:
    """What one thread works in; see `kernels/windows.py: learn_windows`."""

    kept: IntArray
    rows: IntArray
    scores: FloatArray
    means: FloatArray
    sizes: IntArray
    rates: FloatArray
    state: npt.NDArray[np.uint64]
    loss: FloatArray

    @classmethod
    def of(cls, params: WindowParams, block: int, stride: int, groups: int) -> Workspace:
        """For blocks of at most so many tokens."""
        # No token has more neighbors than its block has tokens.
        vectors = max(2 * min(params.window, block), TOGETHER)
        scores = SCORES * vectors + 2 * WIDEST
        return cls(
            aligned(block + GROUP, np.int64), aligned(2 * GROUP * groups, np.int64), aligned(scores),
            aligned(2 * TOGETHER * stride), aligned(3 * TOGETHER, np.int64), aligned(scores + 2 * WIDEST),
            aligned(1, np.uint64), aligned(2),
        )  # fmt: skip


class Training(Run):
    """The run over the corpus.

    Args:
        job: What to learn from.
        bag: See `fit_windows`.
        own: See `fit_windows`.

    Attributes:
        inputs: Vectors of the neighbors: those that are wanted.
        outputs: Vectors of the tokens told from random ones.
        losses: Mean loss of a learned token, one an epoch.
    """

    unit: ClassVar[str] = "tokens"

    def __init__(self, job: FitJob, *, bag: bool, own: OwnRows | None) -> None:
        super().__init__(job, block_ends(job.ids.ends, job.params.epochs), np.zeros((job.params.epochs, 2)))
        self._params: WindowParams = job.params
        self._way = FASTTEXT if own is not None else CBOW if bag else SKIPGRAM
        self._own = own or OwnRows(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.uint32), len(job.counts))
        self.inputs, self.outputs = Table(self._own.size, job.dim), Table(len(job.counts), job.dim)
        start_vectors(self.inputs, job.seed)
        if job.start is not None:
            job.start.lay(self.inputs.vectors, self.outputs.vectors)
        self._keep = kept_shares(job.counts, self._params.sample)
        self._draws = alias_table(job.counts.astype(np.float64) ** DRAWN_POWER)
        self._constants = row_masks(), loss_curve()
        self._groups = -(-rows_told(self._way, self._params.negative) // GROUP)

    @property
    def losses(self) -> list[float]:
        """See the class."""
        return [float(lost / max(tokens, 1)) for lost, tokens in self._lost]

    def _next_checkpoint(self, every: int) -> int:
        sizes = np.diff(self._blocks, prepend=0)
        turn, tokens = self._taken, 0
        while turn < self._last and tokens < every:
            tokens += int(sizes[turn % len(sizes)])
            turn += 1
        return turn

    def _state(self) -> dict[str, npt.NDArray[Any]]:
        return {"inputs": self.inputs.numbers, "outputs": self.outputs.numbers, "lost": self._lost}

    def _work(self) -> None:
        job, params = self._job, self._params
        learn = kernel("learn_windows")
        longest = int(np.diff(self._blocks, prepend=0).max())
        space = Workspace.of(params, longest, self.inputs.stride, self._groups)
        for turn in self._turns():
            start, end, learning_rate = turn.start, turn.end, self._rate(turn)
            space.state[:] = self._stream(turn).random_raw()
            space.loss[:] = 0
            learn(
                job.ids.part(start, end), document_ends(job.ids.ends, start, end),
                self._way, self._own.ends, self._own.rows, self.inputs.numbers, self.outputs.numbers,
                self.inputs.stride,
                self._keep, *self._draws,
                params.window, params.negative, self._groups, np.array([learning_rate], dtype=np.float32),
                *self._constants,
                space.kept, space.rows, space.scores, space.means, space.sizes, space.rates,
                space.state, space.loss,
            )  # fmt: skip
            self._tell(turn, space.loss)

    def _rate(self, turn: Turn) -> float:
        """The learning rate falls evenly over all epochs."""
        params = self._params
        share = (turn.epoch * self._size + turn.start) / (params.epochs * self._size)
        return params.learning_rate - (params.learning_rate - params.min_learning_rate) * share

    def _note(self, epoch: int) -> str:
        epochs, loss = self._params.epochs, self.losses[epoch]
        return f"{self.per_second:,.0f} words/s, epoch {epoch + 1} of {epochs}, loss {loss:.3f}"


def block_ends(ends: IntArray, epochs: int) -> IntArray:
    """Where blocks end, in tokens: where documents do, or, in long ones, anywhere; int64, shape (blocks,)."""
    total = int(ends[-1])
    size = min(max(epochs * total // BLOCKS, SMALLEST_BLOCK), LARGEST_BLOCK)
    found = []
    at = 0
    while at < total:
        # The last document that ends within the block, else the block's own end.
        last = int(np.searchsorted(ends, at + size, side="right"))
        end = int(ends[last - 1]) if last else 0
        at = end if end > at else min(at + size, total)
        found.append(at)
    return np.array(found, dtype=np.int64)


def document_ends(ends: IntArray, start: int, end: int) -> IntArray:
    """Ends of the documents within a block, from its start on; the last is the block's own."""
    first, last = np.searchsorted(ends, [start, end], side="right")
    inner = ends[first:last] - start
    return inner if len(inner) and inner[-1] == end - start else np.append(inner, end - start)
