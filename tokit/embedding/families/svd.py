"""Singular vectors of the matrix of positive pointwise mutual information: counted and factorised, not trained.

Levy, Goldberg & Dagan 2015, https://aclanthology.org/Q15-1016
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray
from tokit.embedding.base import MAX_WINDOW, Embedding, FitJob, Fitted, require_neighbors
from tokit.embedding.train.cooccurrence import Pairs, count_cooccurrences, dynamic_weights, even_weights
from tokit.embedding.train.word2vec import aligned, kept_shares
from tokit.errors import TrainingError, UsageError
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import ALWAYS, STRIP
from tokit.params import param
from tokit.progress import Progress

# Columns beyond those that are wanted, for the last of them to come out well.
OVERSAMPLED = 20
# What rounding leaves of nothing: information below it, and singular values below this share of the largest.
NEGLIGIBLE = 1e-5
# Occurrences of a token that subsampling leaves.
ENOUGH = 1000
# Parts of a product that fall to a thread.
THREAD_PARTS = 8


@dataclass(frozen=True)
class SvdParams:
    """What the factorisation takes."""

    window: int = param(10, "tokens to either side that count as neighbors", minimum=1, maximum=MAX_WINDOW)
    weighting: str = param("dynamic", "of neighbors: the nearer the more, or all alike", choices=("dynamic", "flat"))
    sample: float = param(1e-4, "share above which frequent tokens are left out at random; 0: never", minimum=0)
    smoothing: float = param(0.75, "power of the neighbors' counts in their shares", minimum=0, maximum=1)
    shift: float = param(1.0, "its logarithm is taken off the mutual information; 1: nothing", minimum=1, maximum=1e9)
    power: float = param(0.25, "power of the singular values that the vectors are multiplied by", minimum=0, maximum=1)
    iterations: int = param(4, "passes over the matrix, each there and back", minimum=1)
    memory: int = param(1024, "megabytes to count pairs in; more go to temporary files", minimum=1)

    def __post_init__(self) -> None:
        if self.sample >= 1:
            raise UsageError(f"sample={self.sample:g}: a share is below 1", hint="--sample 0.001")


class Svd(Embedding):
    """The same vectors on every run; good on little text, and no learning rate to choose."""

    name: ClassVar[str] = "svd"
    Params: ClassVar[type[Any]] = SvdParams

    @classmethod
    def fit(cls, job: FitJob) -> Fitted:
        """See the base."""
        require_neighbors(job)
        params: SvdParams = job.params
        started = time.perf_counter()
        weights = dynamic_weights(params.window) if params.weighting == "dynamic" else even_weights(params.window)
        # However frequent in a small corpus, so many of a token are not too many.
        enough = np.minimum(ENOUGH / np.maximum(job.counts, 1), 1) * ALWAYS
        kept = np.maximum(kept_shares(job.counts, params.sample), enough.astype(np.uint32))
        counts = count_cooccurrences(job, weights, memory=params.memory, kept=kept)
        matrix, tokens = mutual_information(counts, len(job.counts), smoothing=params.smoothing, shift=params.shift)
        if not matrix.nnz and not job.stop.is_set():
            raise TrainingError(
                "no two tokens stand together more often than by chance", hint="give more text, or lower --shift to 1"
            )
        left, values, right = leading(matrix, job, params.iterations)
        vectors, output = (np.zeros((len(job.counts), job.dim), dtype=np.float32) for _ in range(2))
        vectors[tokens, : len(values)] = left * values**params.power
        output[tokens, : len(values)] = right * values**params.power
        seconds = max(time.perf_counter() - started, 1e-9)
        return Fitted(vectors, output, (), len(job.ids.data) / seconds)


def mutual_information(
    counts: Pairs, vocab_size: int, *, smoothing: float, shift: float
) -> tuple[Any, npt.NDArray[np.intp]]:
    """Positive pointwise mutual information of tokens (rows) and neighbors (columns).

    Args:
        counts: How often they stand together.
        vocab_size: Of the tokenizer.
        smoothing: A neighbor's share is that of its count to this power.
        shift: How often together, against chance, is still nothing.

    Returns:
        A matrix in compressed rows (float32), and the tokens that its rows and columns stand for.
    """
    from scipy.sparse import csr_matrix

    totals = counts.totals(vocab_size)
    tokens = np.flatnonzero(totals)
    place = np.cumsum(totals > 0) - 1
    smoothed = totals[tokens] ** smoothing
    rows = -np.log(totals[tokens]) + math.log(smoothed.sum() or 1) - math.log(shift)
    columns = -smoothing * np.log(totals[tokens])
    shape = (len(tokens), len(tokens))
    parts = []
    for low, high, sums in counts.pieces():
        i, j = place[low], place[high]
        both = np.log(np.where(i == j, 2 * sums, sums))
        for a, b, wanted in ((i, j, True), (j, i, i != j)):
            values = both + rows[a] + columns[b]
            chosen = (values > NEGLIGIBLE) & wanted
            parts.append((values[chosen].astype(np.float32), a[chosen].astype(np.int32), b[chosen].astype(np.int32)))
    if not parts:
        return csr_matrix(shape, dtype=np.float32), tokens
    values, a, b = (np.concatenate(each) for each in zip(*parts, strict=True))
    return csr_matrix((values, (a, b)), shape=shape), tokens


class Rows:
    """A sparse matrix, multiplied on several threads; each row is summed up in one, so that they change nothing.

    Args:
        matrix: In compressed rows.
        threads: How many.
    """

    def __init__(self, matrix: Any, threads: int) -> None:
        self._starts = matrix.indptr.astype(np.int64)
        self._columns, self._numbers = matrix.indices.astype(np.int32, copy=False), matrix.data
        self._threads = threads
        parts = np.linspace(0, matrix.nnz, THREAD_PARTS * threads + 1)
        self._cuts = np.searchsorted(self._starts, parts).tolist()
        self._cuts[0], self._cuts[-1] = 0, len(self._starts) - 1

    def times(self, dense: FloatArray) -> FloatArray:
        """The product with a dense matrix."""
        rows, columns = dense.shape
        stride = -(-columns // STRIP) * STRIP
        padded, out = (aligned(rows * stride) for _ in range(2))
        padded.reshape(rows, stride)[:, :columns] = dense
        multiply = kernel("multiply_rows")

        def work(part: tuple[int, int]) -> None:
            multiply(self._starts, self._columns, self._numbers, padded, stride, *part, out)

        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(work, pairwise(self._cuts)))
        return np.ascontiguousarray(out.reshape(rows, stride)[:, :columns])


def thin(tall: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Singular vectors and values of a matrix of few columns, without those that are none but for rounding.

    They are those of its columns' products with each other, a small matrix: much faster than a factorisation of the
    tall one, and as exact as its float32 allows, as the products are float64.

    Returns:
        Columns U (n, k), values descending (k,), columns V (m, k).
    """
    exact = tall.astype(np.float64)
    squares, right = np.linalg.eigh(exact.T @ exact)
    values = np.sqrt(np.maximum(squares[::-1], 0))
    kept = values > NEGLIGIBLE * values.max(initial=0)
    values, right = values[kept], right[:, ::-1][:, kept]
    left = (exact @ (right / values)).astype(np.float32)
    return left, values.astype(np.float32), right.astype(np.float32)


def leading(matrix: Any, job: FitJob, iterations: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The leading singular vectors and values, by power iteration from a random start.

    Halko et al. 2011, https://doi.org/10.1137/090771806. Each left vector's largest number is positive.

    Args:
        matrix: In compressed rows.
        job: Gives the number of columns, the seed, and when to stop.
        iterations: Passes there and back.

    Returns:
        Columns U (n, k), values (k,), and columns V (n, k), where k is at most the matrix's rank and `job.dim`.
    """
    size = matrix.shape[0]
    draw = np.random.Generator(np.random.Philox(key=job.seed))
    basis = draw.standard_normal((size, min(size, job.dim + OVERSAMPLED)), dtype=np.float32)
    there, back = Rows(matrix, job.threads), Rows(matrix.T.tocsr(), job.threads)
    for done in range(iterations):
        if job.stop.is_set():
            break
        left, _, _ = thin(there.times(basis))
        basis, _, _ = thin(back.times(left))
        job.tick(Progress("fitting", done + 1, iterations, "passes"))
    left, values, turned = thin(there.times(basis))
    count = min(job.dim, len(values))
    left, right = left[:, :count], basis @ turned[:, :count]
    largest = np.abs(left).argmax(axis=0)
    signs = np.sign(left[largest, np.arange(count)])
    return left * signs, values[:count], right * signs
