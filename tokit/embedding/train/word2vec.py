"""Word2vec training in the kernels: skip-gram, cbow and fastText, block by block, on several threads.

The result of one thread depends on the job alone, see `training_loop.py`. Several threads share the matrices without
locks (Hogwild), and the result then also depends on timing.
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
    Word2VecParams,
    require_finite,
    require_neighbors,
)
from tokit.embedding.train.training_loop import TrainingRun, Turn
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import ALWAYS, CBOW, FASTTEXT, GROUP, LARGEST_SCORE, SCORES, SKIPGRAM, TOGETHER, WIDEST

# Sets of negative samples that means share: with one set, cbow on 9 million words solves a sixth fewer analogies.
SETS = 3
# Steps of the loss curve over [-LARGEST_SCORE, LARGEST_SCORE).
CURVE = 1024
# Limits of the tokens in a block, and the number of blocks between them.
SMALLEST_BLOCK, LARGEST_BLOCK, BLOCKS = 500, 1 << 15, 1000
# Rows initialized at a time, to save memory.
ROWS_AT_ONCE = 1 << 12
# Exponent of the counts in negative sampling (Mikolov et al. 2013, section 2.2).
SAMPLING_EXPONENT = 0.75
CACHE_LINE = 64


@dataclass(frozen=True, slots=True)
class OwnRows:
    """Rows that each token's vector is the mean of.

    Attributes:
        ends: int64, shape (vocab,).
        rows: Rows of one token after the other, its own first; uint32, flat.
        size: Number of rows in the input matrix.
    """

    ends: IntArray
    rows: npt.NDArray[np.uint32]
    size: int


def fit_word2vec(job: FitJob, *, cbow: bool = False, own: OwnRows | None = None) -> Fitted:
    """Learn input and output vectors.

    Args:
        job: The job.
        cbow: Predict a token from the mean of its context, not from each context token.
        own: Rows that each token's vector is the mean of, for fastText.

    Raises:
        TrainingError: no document has two tokens, or the training diverged.
    """
    require_neighbors(job)
    training = Word2VecTraining(job, cbow=cbow, own=own)
    threads = 1 if job.deterministic else job.threads
    training.run(threads)
    if job.warm_start is not None:
        job.warm_start.restore_means(training.inputs.vectors, job.counts)
    vectors = training.inputs.rows(job.known) if own is None else mean_rows(training.inputs, own, job.known)
    output = training.outputs.rows(job.known)
    if not job.stop.is_set():
        require_finite(vectors, output, lower="--learning-rate 0.025")
    because = WHY_NOT_REPRODUCIBLE if threads > 1 else ""
    table = None if own is None else training.inputs.vectors
    return Fitted(
        vectors=vectors,
        output=output,
        losses=tuple(training.losses),
        words_per_second=training.per_second,
        not_reproducible_because=because,
        table=table,
    )


class WeightMatrix:
    """Vectors in the kernels' layout: rows aligned to cache lines, and one more row of zeros.

    Attributes:
        numbers: float32, flat.
        stride: Numbers from one row to the next.
    """

    def __init__(self, rows: int, dim: int) -> None:
        self.stride = -(-dim // WIDEST) * WIDEST
        self._dim = dim
        self.numbers = aligned_zeros((rows + 1) * self.stride)

    @property
    def vectors(self) -> FloatArray:
        """View without the last row and the padding; shape (rows, dim)."""
        return self.numbers.reshape(-1, self.stride)[:-1, : self._dim]

    def rows(self, known: npt.NDArray[np.bool_]) -> FloatArray:
        """Vectors, set to zero where a token is not known; shape (vocab, dim)."""
        rows = self.vectors
        rows[~known] = 0
        return rows


def aligned_zeros(size: int, dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
    """Zeros, shape (size,), in cache lines of their own, so that threads do not write to the same line."""
    length = np.dtype(dtype).itemsize * size
    raw = np.zeros(length + 2 * CACHE_LINE, dtype=np.uint8)
    first = -raw.ctypes.data % CACHE_LINE
    return raw[first : first + length].view(dtype)


def mean_rows(table: WeightMatrix, own: OwnRows, known: npt.NDArray[np.bool_]) -> FloatArray:
    """Mean of each token's rows, zeros where a token is not known; shape (vocab, dim)."""
    means = np.empty((len(known), table.stride), dtype=np.float32)
    sizes, most = np.empty(len(known), dtype=np.int64), len(own.rows)
    kernel("pool_means")(own.rows, own.ends, table.numbers, table.stride, -1, most, means.reshape(-1), sizes)
    means[~known] = 0
    return np.ascontiguousarray(means[:, : table.vectors.shape[1]])


def initialize_vectors(table: WeightMatrix, seed: int) -> None:
    """Fill a matrix with uniform random numbers between ±1/(2 dim), as word2vec does."""
    rows, dim = table.vectors.shape
    draw = np.random.Generator(np.random.Philox(key=seed))
    for first in range(0, rows, ROWS_AT_ONCE):
        part = table.vectors[first : first + ROWS_AT_ONCE]
        part[:] = (draw.random(part.shape, dtype=np.float32) - np.float32(0.5)) / np.float32(dim)


def keep_probabilities(counts: IntArray, sample: float) -> npt.NDArray[np.uint32]:
    """Probability that subsampling keeps an occurrence of each token, times 2**32, at most 2**32 - 1; shape (vocab,).

    A token of frequency f is kept with probability sqrt(t / f) + t / f, as in word2vec's code; one without a count is
    skipped.
    """
    if not sample:
        return np.where(counts > 0, ALWAYS, 0).astype(np.uint32)
    ratio = sample * max(int(counts.sum()), 1) / np.maximum(counts, 1)
    probabilities = np.minimum((np.sqrt(ratio) + ratio) * (1 << 32), ALWAYS)
    return np.where(counts > 0, probabilities, 0).astype(np.uint32)


def alias_table(weights: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Table for sampling by Walker's alias method: (threshold of 2**32 below which an index is drawn, its alias).

    https://doi.org/10.1145/355744.355749

    Args:
        weights: Unnormalized probabilities, not all zero; shape (n,).
    """
    scaled = np.asarray(weights, dtype=np.float64) * (len(weights) / np.sum(weights, dtype=np.float64))
    other = np.arange(len(scaled))
    poor, rich = (np.flatnonzero(scaled < 1).tolist(), np.flatnonzero(scaled >= 1).tolist())
    left = scaled.tolist()
    while poor and rich:
        taker, giver = poor.pop(), rich[-1]
        other[taker] = giver
        left[giver] -= 1 - left[taker]
        if left[giver] < 1:
            poor.append(rich.pop())
    limits = np.array(left)
    # The rest is one, but for rounding.
    limits[poor + rich] = 1
    return np.minimum(limits * (1 << 32), ALWAYS).astype(np.uint32), other.astype(np.uint32)


def rows_per_update(way: int, negatives: int) -> int:
    """Output rows of one update, at least: negative samples, and for SKIPGRAM the positive one."""
    return negatives + 1 if way == SKIPGRAM else SETS * negatives


def loss_curve(steps: int = CURVE) -> npt.NDArray[np.float32]:
    """-log(sigmoid) in the middle of each step from -LARGEST_SCORE to LARGEST_SCORE."""
    middles = (np.arange(steps) + 0.5) * (2 * LARGEST_SCORE / steps) - LARGEST_SCORE
    losses: npt.NDArray[np.float32] = np.log1p(np.exp(-middles)).astype(np.float32)
    return losses


def row_masks() -> npt.NDArray[np.float32]:
    """Masks for each number of rows up to GROUP: that number of ones in each SCORES places; flat."""
    places = np.arange(WIDEST) % SCORES
    return (places < np.arange(GROUP + 1)[:, None]).astype(np.float32).reshape(-1)


@dataclass(slots=True)
class Word2VecWorkspace:
    """Scratch arrays of one thread; see `kernels/word2vec/train_documents.py`."""

    tokens: IntArray
    rows: IntArray
    scores: FloatArray
    means: FloatArray
    sizes: IntArray
    rates: FloatArray
    state: npt.NDArray[np.uint64]
    loss: FloatArray

    @classmethod
    def of(cls, params: Word2VecParams, block: int, stride: int, groups: int) -> Word2VecWorkspace:
        """Allocate arrays for blocks of at most `block` tokens."""
        # No token has more neighbors than its block has tokens.
        vectors = max(2 * min(params.window, block), TOGETHER)
        scores = SCORES * vectors + 2 * WIDEST
        return cls(
            aligned_zeros(block + GROUP, np.int64), aligned_zeros(2 * GROUP * groups, np.int64), aligned_zeros(scores),
            aligned_zeros(2 * TOGETHER * stride), aligned_zeros(3 * TOGETHER, np.int64),
            aligned_zeros(scores + 2 * WIDEST),
            aligned_zeros(1, np.uint64), aligned_zeros(2),
        )  # fmt: skip


class Word2VecTraining(TrainingRun):
    """Training on the windows of a corpus with negative sampling.

    Args:
        job: The job.
        cbow: See `fit_word2vec`.
        own: See `fit_word2vec`.

    Attributes:
        inputs: Input vectors, which become the embedding.
        outputs: Output vectors, by which positive tokens are separated from negative samples.
    """

    unit: ClassVar[str] = "tokens"

    def __init__(self, job: FitJob, *, cbow: bool, own: OwnRows | None) -> None:
        super().__init__(job, block_ends(job.ids.ends, job.params.epochs), np.zeros((job.params.epochs, 2)))
        self._params: Word2VecParams = job.params
        self._way = FASTTEXT if own is not None else CBOW if cbow else SKIPGRAM
        self._own = own or OwnRows(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.uint32), len(job.counts))
        self.inputs, self.outputs = WeightMatrix(self._own.size, job.dim), WeightMatrix(len(job.counts), job.dim)
        initialize_vectors(self.inputs, job.seed)
        if job.warm_start is not None:
            job.warm_start.initialize(self.inputs.vectors, self.outputs.vectors)
        self._keep = keep_probabilities(job.counts, self._params.sample)
        self._draws = alias_table(job.counts.astype(np.float64) ** SAMPLING_EXPONENT)
        self._constants = row_masks(), loss_curve()
        self._groups = -(-rows_per_update(self._way, self._params.negative) // GROUP)

    @property
    def losses(self) -> list[float]:
        """Mean loss of a trained token, for each epoch."""
        return [float(total / max(tokens, 1)) for total, tokens in self._loss_sums]

    def _next_checkpoint(self, every: int) -> int:
        sizes = np.diff(self._blocks, prepend=0)
        turn, tokens = self._taken, 0
        while turn < self._last and tokens < every:
            tokens += int(sizes[turn % len(sizes)])
            turn += 1
        return turn

    def _state(self) -> dict[str, npt.NDArray[Any]]:
        return {"inputs": self.inputs.numbers, "outputs": self.outputs.numbers, "losses": self._loss_sums}

    def _work(self) -> None:
        job, params = self._job, self._params
        learn = kernel("learn_windows")
        longest = int(np.diff(self._blocks, prepend=0).max())
        space = Word2VecWorkspace.of(params, longest, self.inputs.stride, self._groups)
        for turn in self._turns():
            start, end, learning_rate = turn.start, turn.end, self._learning_rate(turn)
            space.state[:] = self._random_stream(turn).random_raw()
            space.loss[:] = 0
            learn(
                job.ids.part(start, end), document_ends(job.ids.ends, start, end),
                self._way, self._own.ends, self._own.rows, self.inputs.numbers, self.outputs.numbers,
                self.inputs.stride,
                self._keep, *self._draws,
                params.window, params.negative, self._groups, np.array([learning_rate], dtype=np.float32),
                *self._constants,
                space.tokens, space.rows, space.scores, space.means, space.sizes, space.rates,
                space.state, space.loss,
            )  # fmt: skip
            self._report(turn, space.loss)

    def _learning_rate(self, turn: Turn) -> float:
        """Linear decay from `learning_rate` to `min_learning_rate` over all epochs."""
        params = self._params
        progress = (turn.epoch * self._size + turn.start) / (params.epochs * self._size)
        return params.learning_rate - (params.learning_rate - params.min_learning_rate) * progress

    def _note(self, epoch: int) -> str:
        epochs, loss = self._params.epochs, self.losses[epoch]
        return f"{self.per_second:,.0f} words/s, epoch {epoch + 1} of {epochs}, loss {loss:.3f}"


def block_ends(ends: IntArray, epochs: int) -> IntArray:
    """Ends of blocks, in tokens: where documents end, or, in long documents, anywhere; int64, shape (blocks,)."""
    total = int(ends[-1])
    size = min(max(epochs * total // BLOCKS, SMALLEST_BLOCK), LARGEST_BLOCK)
    bounds = []
    at = 0
    while at < total:
        # The end of the last document within the block, else the block's full size.
        last = int(np.searchsorted(ends, at + size, side="right"))
        end = int(ends[last - 1]) if last else 0
        at = end if end > at else min(at + size, total)
        bounds.append(at)
    return np.array(bounds, dtype=np.int64)


def document_ends(ends: IntArray, start: int, end: int) -> IntArray:
    """Ends of the documents within a block, relative to its start; the last is the end of the block."""
    first, last = np.searchsorted(ends, [start, end], side="right")
    inner = ends[first:last] - start
    return inner if len(inner) and inner[-1] == end - start else np.append(inner, end - start)
