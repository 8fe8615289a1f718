"""Singular vectors of the matrix of positive pointwise mutual information: counted and factorized, not trained.

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
from tokit.embedding.base import MAX_WINDOW, Embedding, FitJob, Fitted, check_sample, require_neighbors
from tokit.embedding.train.cooccurrence import Cooccurrences, count_cooccurrences, dynamic_weights, even_weights
from tokit.embedding.train.word2vec import aligned_zeros, keep_probabilities
from tokit.errors import TrainingError
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import ALWAYS, STRIP
from tokit.params import param
from tokit.progress import Progress

# Extra dimensions, which make the last of the wanted ones exact.
OVERSAMPLED = 20
# Rounding errors: information below this, and singular values below this fraction of the largest.
NEGLIGIBLE = 1e-5
# Subsampling keeps at least this many occurrences of a token.
ENOUGH = 1000
# Parts of a product that fall to a thread.
THREAD_PARTS = 8


@dataclass(frozen=True)
class SvdParams:
    """Parameters of the factorization."""

    window: int = param(10, "largest distance of a context token", minimum=1, maximum=MAX_WINDOW)
    weighting: str = param("dynamic", "of context tokens: by nearness, or all the same", choices=("dynamic", "flat"))
    sample: float = param(1e-4, "frequency above which tokens are subsampled; 0: never", minimum=0)
    smoothing: float = param(0.75, "exponent of the counts of context tokens", minimum=0, maximum=1)
    shift: float = param(1.0, "subtract its logarithm from the mutual information", minimum=1, maximum=1e9)
    power: float = param(0.25, "exponent of the singular values in the vectors", minimum=0, maximum=1)
    iterations: int = param(4, "power iterations", minimum=1)
    memory: int = param(1024, "megabytes to count pairs in; the rest goes to temporary files", minimum=1)

    def __post_init__(self) -> None:
        check_sample(self.sample)


class Svd(Embedding):
    """The same vectors on every run; good on little text, and without a learning rate."""

    name: ClassVar[str] = "svd"
    Params: ClassVar[type[Any]] = SvdParams

    @classmethod
    def fit(cls, job: FitJob) -> Fitted:
        """Learn vectors."""
        require_neighbors(job)
        params: SvdParams = job.params
        started = time.perf_counter()
        weights = dynamic_weights(params.window) if params.weighting == "dynamic" else even_weights(params.window)
        # In a small corpus even frequent tokens are rare.
        enough = np.minimum(ENOUGH / np.maximum(job.counts, 1), 1) * ALWAYS
        keep = np.maximum(keep_probabilities(job.counts, params.sample), enough.astype(np.uint32))
        counts = count_cooccurrences(job, weights, memory=params.memory, keep=keep)
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
        return Fitted(vectors=vectors, output=output, words_per_second=len(job.ids.data) / seconds)


def mutual_information(
    counts: Cooccurrences, vocab_size: int, *, smoothing: float, shift: float
) -> tuple[Any, npt.NDArray[np.intp]]:
    """Positive pointwise mutual information of tokens (rows) and context tokens (columns).

    Args:
        counts: Co-occurrences.
        vocab_size: Vocabulary size of the tokenizer.
        smoothing: Exponent of the counts of context tokens.
        shift: Ratio to chance below which the information is zero.

    Returns:
        A sparse matrix in compressed rows (float32), and the tokens of its rows and columns.
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
    values, a, b = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return csr_matrix((values, (a, b)), shape=shape), tokens


class ThreadedMatrix:
    """Sparse matrix, multiplied on several threads. One thread adds up each row: the number of threads changes nothing.

    Args:
        matrix: Sparse, in compressed rows.
        threads: Number of threads.
    """

    def __init__(self, matrix: Any, threads: int) -> None:
        self._starts = matrix.indptr.astype(np.int64)
        self._columns, self._numbers = matrix.indices.astype(np.int32, copy=False), matrix.data
        self._threads = threads
        parts = np.linspace(0, matrix.nnz, THREAD_PARTS * threads + 1)
        self._bounds = np.searchsorted(self._starts, parts).tolist()
        self._bounds[0], self._bounds[-1] = 0, len(self._starts) - 1

    def times(self, dense: FloatArray) -> FloatArray:
        """The product with a dense matrix."""
        rows, columns = dense.shape
        stride = -(-columns // STRIP) * STRIP
        padded, out = (aligned_zeros(rows * stride) for _ in range(2))
        padded.reshape(rows, stride)[:, :columns] = dense
        multiply = kernel("multiply_rows")

        def work(part: tuple[int, int]) -> None:
            multiply(self._starts, self._columns, self._numbers, padded, stride, *part, out)

        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(work, pairwise(self._bounds)))
        return np.ascontiguousarray(out.reshape(rows, stride)[:, :columns])


def thin(tall: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Singular value decomposition of a matrix with few columns, without singular values that are rounding errors.

    It is computed from the small Gram matrix: much faster than a factorization of the tall one, and as exact as its
    float32 allows, as the products are float64.

    Returns:
        Columns U (n, k), values descending (k,), columns V (m, k).
    """
    exact = tall.astype(np.float64)
    squares, right = np.linalg.eigh(exact.T @ exact)
    values = np.sqrt(np.maximum(squares[::-1], 0))
    large = values > NEGLIGIBLE * values.max(initial=0)
    values, right = values[large], right[:, ::-1][:, large]
    left = (exact @ (right / values)).astype(np.float32)
    return left, values.astype(np.float32), right.astype(np.float32)


def leading(matrix: Any, job: FitJob, iterations: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Leading singular vectors and values, by randomized power iteration.

    Halko et al. 2011, https://doi.org/10.1137/090771806. Each left vector's largest number is positive.

    Args:
        matrix: Sparse, in compressed rows.
        job: Dimension, seed, threads, and when to stop.
        iterations: Number of power iterations.

    Returns:
        Columns U (n, k), values (k,), and columns V (n, k), where k is at most the matrix's rank and `job.dim`.
    """
    size = matrix.shape[0]
    draw = np.random.Generator(np.random.Philox(key=job.seed))
    basis = draw.standard_normal((size, min(size, job.dim + OVERSAMPLED)), dtype=np.float32)
    forward, transposed = ThreadedMatrix(matrix, job.threads), ThreadedMatrix(matrix.T.tocsr(), job.threads)
    for done in range(iterations):
        if job.stop.is_set():
            break
        left, _, _ = thin(forward.times(basis))
        basis, _, _ = thin(transposed.times(left))
        job.tick(Progress("fitting", done + 1, iterations, "passes"))
    left, values, turned = thin(forward.times(basis))
    count = min(job.dim, len(values))
    left, right = left[:, :count], basis @ turned[:, :count]
    largest = np.abs(left).argmax(axis=0)
    signs = np.sign(left[largest, np.arange(count)])
    return left * signs, values[:count], right * signs
