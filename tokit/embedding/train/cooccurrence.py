"""Co-occurrence counts of tokens within a window, in a limited amount of memory.

Sums are fixed-point integers, so they are the same to the last bit however often the table was written to disk.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokit.arrays import IntArray
from tokit.embedding.base import FitJob
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import ALWAYS
from tokit.progress import Progress

Numbers64 = npt.NDArray[np.uint64]
# A weight of one as an integer: sums of 2**40 neighbors fit, and 1/10,000 has four digits and more.
UNIT = 1 << 24
# Tokens that are counted between two checks of the stop event.
CHUNK_TOKENS = 1 << 18
# The table takes this fraction of the memory, one half: the rest is for sorting it.
TABLE_PART = 2
FULLEST = 0.7
# Slots.
SMALLEST_TABLE = 1 << 14


@dataclass(frozen=True, slots=True)
class Cooccurrences:
    """Weighted counts of pairs of tokens.

    Attributes:
        keys: Pairs, low id << 32 | high id, ascending; uint64, shape (pairs,); may be mapped from a file.
        sums: Weight of each pair, in units of 1/UNIT, in one direction. A pair of the same token twice has both
            directions in one, so its weight is twice as much; uint64, shape (pairs,).
    """

    keys: Numbers64
    sums: Numbers64

    def __len__(self) -> int:
        return len(self.keys)

    def pieces(self, size: int = 1 << 20) -> Iterator[tuple[IntArray, IntArray, npt.NDArray[np.float64]]]:
        """(low ids, high ids, sums) of consecutive pairs."""
        for start in range(0, len(self), size):
            keys = self.keys[start : start + size]
            yield (
                (keys >> np.uint64(32)).astype(np.int64),
                (keys & np.uint64(0xFFFFFFFF)).astype(np.int64),
                self.sums[start : start + size] / UNIT,
            )

    def totals(self, vocab_size: int) -> npt.NDArray[np.float64]:
        """Weight of all neighbors of each token; shape (vocab,)."""
        totals = np.zeros(vocab_size)
        for low, high, sums in self.pieces():
            totals += np.bincount(low, sums, vocab_size)
            totals += np.bincount(high, sums, vocab_size)
        return totals


def inverse_weights(window: int) -> Numbers64:
    """Weights 1/distance, as in GloVe; shape (window,)."""
    return fixed(1 / np.arange(1, window + 1))


def even_weights(window: int) -> Numbers64:
    """Weight one at any distance."""
    return fixed(np.ones(window))


def dynamic_weights(window: int) -> Numbers64:
    """Expected weights of word2vec's windows of random width: from 1 for the nearest to 1/window."""
    return fixed(np.arange(window, 0, -1) / window)


def fixed(weights: npt.NDArray[np.float64]) -> Numbers64:
    """Convert weights to fixed-point integers."""
    return np.rint(weights * UNIT).astype(np.uint64)


def mapped(size: int) -> Numbers64:
    """Array in an unnamed temporary file, which is deleted with the array.

    Raises:
        OSError: the disk is full.
    """
    with tempfile.TemporaryFile(prefix="tokit-") as file:
        # A file with holes is filled through the map, and there a full disk kills the process.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, max(size, 1) * 8)
        return np.asarray(np.memmap(file, dtype=np.uint64, mode="w+", shape=(max(size, 1),)))[:size]


def count_cooccurrences(job: FitJob, weights: Numbers64, *, memory: int, keep: npt.NDArray[np.uint32]) -> Cooccurrences:
    """Count pairs of neighbors in a corpus. Windows end at the end of a document, and skip unknown tokens.

    An unknown token stands for many different words, so it has no use as a neighbor; the reference code has none.

    Args:
        job: The corpus, the seed, and when to stop; the counts up to then are returned.
        weights: Weights of neighbors at distance 1, 2 …
        memory: Megabytes to count in; the rest goes to temporary files.
        keep: Probabilities of subsampling, as of `word2vec.keep_probabilities`.
    """
    if job.pieces.unknown_id is not None:
        keep = np.array(keep)
        keep[job.pieces.unknown_id] = 0
    counter = CooccurrenceCounter(weights, memory=memory)
    for done, (ids, ends, start) in token_chunks(job, len(weights), keep):
        counter.add(ids, ends, start)
        job.tick(Progress("counting", done, len(job.ids.data), "tokens", "pairs of neighbors"))
        if job.stop.is_set():
            break
    return counter.finish()


def token_chunks(
    job: FitJob, window: int, keep: npt.NDArray[np.uint32]
) -> Iterator[tuple[int, tuple[npt.NDArray[np.uint32], IntArray, int]]]:
    """(tokens read, (ids, ends of documents within them, index of the first new token)) of consecutive tokens.

    Before the first new token come its neighbors to the left, of the same document.
    """
    total, ends = len(job.ids.data), job.ids.ends
    sampled = bool((keep != ALWAYS).any())
    left = np.zeros(0, dtype=np.uint32)
    for number, start in enumerate(range(0, total, CHUNK_TOKENS)):
        end = min(start + CHUNK_TOKENS, total)
        ids = job.ids.part(start, end)
        first, last = np.searchsorted(ends, [start, end], side="right")
        inner = ends[first:last] - start
        if sampled:
            drawn = np.random.Generator(np.random.Philox(key=job.seed, counter=[0, 0, 0, number]))
            kept_here = drawn.integers(0, ALWAYS, len(ids), dtype=np.uint32) < keep[ids]
            inner = np.concatenate([[0], np.cumsum(kept_here)])[inner]
            ids = ids[kept_here]
        joined = np.concatenate([left, ids])
        inner = inner + len(left)
        opened = int(inner[-1]) if len(inner) else 0
        yield end, (joined, np.append(inner, len(joined)), len(left))
        left = joined[max(opened, len(joined) - window) :]


class CooccurrenceCounter:
    """Hash table of pairs, and the sorted runs that it was written to when it was full.

    Args:
        weights: Weights of neighbors at distance 1, 2 …
        memory: Megabytes.
    """

    def __init__(self, weights: Numbers64, *, memory: int) -> None:
        self._weights = weights
        self._table = np.zeros(2 * max(SMALLEST_TABLE, _power_above(2 * len(weights))), dtype=np.uint64)
        self._allowed = (memory << 20) // TABLE_PART
        self._used = np.zeros(1, dtype=np.int64)
        self._runs: list[Cooccurrences] = []

    def add(self, ids: npt.NDArray[np.uint32], ends: IntArray, start: int) -> None:
        """Count the pairs of the tokens from `start` on."""
        count = kernel("count_pairs")
        while start < len(ids):
            limit = int(len(self._table) // 2 * FULLEST)
            start = count(ids, ends, start, self._weights, self._table, limit, self._used)
            if start < len(ids):
                self._make_room()

    def finish(self) -> Cooccurrences:
        """Merge all counts; the counter is of no use after that."""
        last = self._sorted_run()
        self._table = np.zeros(0, dtype=np.uint64)
        if not self._runs:
            return last
        runs = [*self._runs, last]
        self._runs = []
        while len(runs) > 1:
            # Neighbors are merged, so that runs stay of about the same length.
            merged = [_merged(*runs[i : i + 2]) if i + 1 < len(runs) else runs[i] for i in range(0, len(runs), 2)]
            runs = merged
        return runs[0]

    def _sorted_run(self) -> Cooccurrences:
        used = int(self._used[0])
        keys, sums = (np.empty(used, dtype=np.uint64) for _ in range(2))
        kernel("pour_pairs")(self._table, keys, sums)
        self._used[0] = 0
        order = np.argsort(keys)
        return Cooccurrences(keys[order], sums[order])

    def _make_room(self) -> None:
        """Double the table while memory allows it: it starts small, as a small table is faster."""
        if 2 * self._table.nbytes > self._allowed:
            self._spill()
            return
        larger = np.zeros(2 * len(self._table), dtype=np.uint64)
        kernel("widen_table")(self._table, larger)
        self._table = larger

    def _spill(self) -> None:
        run = self._sorted_run()
        self._runs.append(Cooccurrences(_on_disk(run.keys), _on_disk(run.sums)))


def _power_above(number: int) -> int:
    return 1 << (number - 1).bit_length()


def _on_disk(numbers: Numbers64) -> Numbers64:
    file = mapped(len(numbers))
    file[:] = numbers
    return file


def _merged(left: Cooccurrences, right: Cooccurrences) -> Cooccurrences:
    keys, sums = (mapped(len(left) + len(right)) for _ in range(2))
    count = kernel("merge_pairs")(left.keys, left.sums, right.keys, right.sums, keys, sums)
    return Cooccurrences(keys[:count], sums[:count])
