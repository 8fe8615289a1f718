"""Merges learnt from counted words in a kernel: the same as the reference's trainer, pair by pair."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tokit.arrays import IntArray
from tokit.kernels.native import kernel
from tokit.progress import Progress, Tick

DONE, MORE, FULL = 0, 1, 2
PAIRS, MERGES, NEXT_ID, FRESH = 0, 3, 4, 5
FIRST_PAIRS = 1 << 16
# Merges between two looks at progress.
BATCH = 500
NO_LIMIT = 1 << 60
Symbols = npt.NDArray[np.int32]


@dataclass(slots=True)
class PairTable:
    """Pairs of symbols, as `kernels/learning.py` lays them out."""

    table: npt.NDArray[np.uint64]
    index: Symbols
    pairs: tuple[Any, ...]
    heap: tuple[Any, ...]

    @classmethod
    def of(cls, room: int) -> PairTable:
        """An empty one for so many pairs, a power of two."""
        ids = [np.empty(room, dtype=np.int32) for _ in range(4)]
        return cls(
            np.full(2 * room, -1, dtype=np.int64).view(np.uint64),
            np.empty(2 * room, dtype=np.int32),
            (np.empty(room, dtype=np.uint64), np.empty(room, dtype=np.int64), *ids[:3]),
            (np.empty(room, dtype=np.int64), np.empty(room, dtype=np.uint64), ids[3]),
        )

    def grown(self, used: int, *, fresh: bool) -> PairTable:
        """One of twice the size; of a fresh one nothing has to be kept."""
        bigger = PairTable.of(2 * len(self.pairs[0]))
        if fresh:
            return bigger
        for old, new in zip((*self.pairs, *self.heap), (*bigger.pairs, *bigger.heap), strict=True):
            new[: len(old)] = old
        kernel("index_keys")(bigger.pairs[0], used, bigger.table, bigger.index)
        return bigger


@dataclass(frozen=True, slots=True)
class Limits:
    """Where learning ends.

    Attributes:
        merges: How many are wanted.
        least: A pair that occurs less often is not merged.
        longest: A merged symbol stays shorter than this, in characters; pairs of first symbols are exempt.
    """

    merges: int
    least: int = 0
    longest: int = NO_LIMIT


@dataclass(slots=True)
class Words:
    """Counted words as symbols.

    Attributes:
        symbols: Of all words, ids below `first_id`; int32.
        ends: Exclusive end of each word in them.
        counts: How often each occurs.
        first_id: Of the first symbol that will be made.
    """

    symbols: Symbols
    ends: IntArray
    counts: IntArray
    first_id: int
    scratch: tuple[Symbols, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.scratch = tuple(np.empty(len(self.symbols), dtype=np.int32) for _ in range(3))


def learn(words: Words, limits: Limits, tick: Tick) -> list[tuple[int, int]]:
    """The merges, in the order in which they are learnt; the k-th makes the symbol `first_id` + k.

    Args:
        words: What to learn from; its symbols are used up.
        limits: Where to stop.
        tick: Told how many merges were learnt.
    """
    room = 3 * len(words.symbols)
    places, after = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.int32)
    lengths = np.ones(words.first_id + limits.merges + 1, dtype=np.int64)
    merges = np.empty(2 * limits.merges, dtype=np.int32)
    state = np.zeros(6, dtype=np.int64)
    state[NEXT_ID] = words.first_id
    pairs = PairTable.of(FIRST_PAIRS)
    started = time.perf_counter()
    code = MORE
    while code != DONE:
        code = kernel("learn_merges")(
            words.ends, words.counts, words.symbols, *words.scratch, lengths, pairs.table, pairs.index, *pairs.pairs,
            places, after, *pairs.heap, limits.least, limits.longest, limits.merges, BATCH, merges, state,
        )  # fmt: skip
        if code == FULL:
            pairs = pairs.grown(int(state[PAIRS]), fresh=int(state[FRESH]) < 2)
        learnt = int(state[MERGES])
        rate = learnt / (time.perf_counter() - started)
        tick(Progress("merging", learnt, limits.merges, "merges", f"{rate:,.0f}/s"))
    pairs_learnt = merges[: 2 * int(state[MERGES])].reshape(-1, 2)
    return [(left, right) for left, right in pairs_learnt.tolist()]
