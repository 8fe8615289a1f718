"""Learn merges from counted words in a kernel; the same merges as the `tokenizers` library learns."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokit.arrays import IntArray
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import DONE, FULL, LISTED, MERGE_STATE, MERGES, MORE, NEXT_ID, PAIR_SLOT
from tokit.progress import Progress, Tick

FIRST_PAIRS = 1 << 16
# Merges between two reports of progress.
BATCH = 500
NO_LIMIT = 1 << 60
Symbols = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class MergeLimits:
    """Limits of a training of merges.

    Attributes:
        merges: Number of merges to learn.
        least: Minimum count of a pair that is merged.
        longest: Exclusive maximum length of a merged symbol, in first symbols; merges of two first symbols are exempt.
    """

    merges: int
    least: int = 0
    longest: int = NO_LIMIT


@dataclass(slots=True)
class SymbolWords:
    """Counted words as symbols.

    Attributes:
        symbols: Symbol ids of all words, below `first_id`; int32.
        ends: Exclusive end of each word in `symbols`, shape (words,).
        counts: Occurrences of each word, shape (words,).
        first_id: Id of the first symbol that a merge makes.
    """

    symbols: Symbols
    ends: IntArray
    counts: IntArray
    first_id: int


@dataclass(slots=True)
class PairTable:
    """Hash table and heap of pairs, laid out as in `kernels/train`."""

    table: IntArray
    heap: IntArray

    @classmethod
    def of(cls, room: int) -> PairTable:
        """Room for `room` pairs, a power of two."""
        return cls(np.empty(2 * PAIR_SLOT * room, dtype=np.int64), np.empty(2 * room, dtype=np.int64))

    def grow(self, bar: int, state: IntArray) -> None:
        """Double the room, and drop pairs that occur less often than `bar`."""
        bigger = PairTable.of(len(self.heap))
        if state[LISTED]:
            kernel("move_pairs")(bar, self.table, bigger.table, bigger.heap, state)
        self.table, self.heap = bigger.table, bigger.heap


def learn(words: SymbolWords, limits: MergeLimits, tick: Tick) -> list[tuple[int, int]]:
    """Learn merges; the k-th makes the symbol `first_id` + k.

    Args:
        words: Counted words.
        limits: Limits.
        tick: Progress, in merges.

    Returns:
        (left, right) symbols of each merge, in the order in which they were learned.
    """
    cells = np.empty(2 * (len(words.symbols) + len(words.ends) + 1), dtype=np.int32)
    kernel("lay_words")(words.symbols, words.ends, words.counts, cells)
    # Pages that are not written take no memory.
    places = np.empty(3 * len(words.symbols), dtype=np.int32)
    ids = words.first_id + limits.merges
    lengths = np.ones(ids, dtype=np.int64)
    merges = np.empty(2 * limits.merges, dtype=np.int32)
    state = np.zeros(MERGE_STATE, dtype=np.int64)
    state[NEXT_ID] = words.first_id
    bar = lowest_count(words, limits)
    pairs = PairTable.of(FIRST_PAIRS)
    scratch = _scratch(ids)
    started = time.perf_counter()
    code = MORE
    while code != DONE:
        code = kernel("learn_merges")(
            cells, words.counts, lengths, pairs.table, places, pairs.heap, *scratch, bar, limits.longest,
            limits.merges, BATCH, merges, state,
        )  # fmt: skip
        if code == FULL:
            pairs.grow(bar, state)
        learned = int(state[MERGES])
        rate = learned / (time.perf_counter() - started)
        tick(Progress("merging", learned, limits.merges, "merges", f"{rate:,.0f}/s"))
    learned_pairs = merges[: 2 * int(state[MERGES])].reshape(-1, 2)
    return [(left, right) for left, right in learned_pairs.tolist()]


def _scratch(ids: int) -> tuple[IntArray | Symbols, ...]:
    """Scratch of the kernel: counts of left and right neighbors, a list of those found, and their number."""
    beside = [np.zeros(2 * ids, dtype=np.int64) for _ in range(2)]
    met = [np.empty(ids, dtype=np.int32) for _ in range(2)]
    return (*beside, *met, np.zeros(5, dtype=np.int64))


def lowest_count(words: SymbolWords, limits: MergeLimits) -> int:
    """A lower bound on the count of every merged pair.

    When all pairs of a word are rarer than the word, it has become one symbol. So before pairs are merged that occur
    less often than the n-th most frequent word, there are n symbols.
    """
    least = max(limits.least, 1)
    rank = words.first_id + limits.merges
    if limits.longest < NO_LIMIT or rank > len(words.counts):
        return least
    return max(least, int(np.partition(words.counts, -rank)[-rank]))
