"""Counting pre-tokens with the kernels: a table of words for each thread, added up at the end."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tokit.arrays import Block, Counts, IntArray
from tokit.cuts import Cutter, Scratch, padded
from tokit.kernels.native import kernel

FULL = 1
# Places in the state of a table: words in the first and in the second part, bytes in the arena, and bytes of a window
# that there was no room for.
SHORTS, LONGS, ARENA, WANTED = 2, 3, 4, 5
FIRST_SLOTS, FIRST_ARENA = 1 << 16, 1 << 18
# Place 0 says that a word is not in the arena.
ARENA_START = 8
NO_WORDS, NO_BYTES = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint8)


@dataclass(slots=True)
class WordTable:
    """Words and their counts, as `kernels/words.py` lays them out."""

    shorts: npt.NDArray[np.uint64]
    longs: npt.NDArray[np.uint64]
    arena: npt.NDArray[np.uint8]
    state: IntArray

    @classmethod
    def of(cls, slots: int = FIRST_SLOTS, arena: int = FIRST_ARENA) -> WordTable:
        """An empty table with so many slots, a power of two, in each part."""
        state = np.zeros(6, dtype=np.int64)
        state[ARENA] = ARENA_START
        shorts, longs = np.zeros(2 * slots, dtype=np.uint64), np.zeros(4 * slots, dtype=np.uint64)
        return cls(shorts, longs, np.zeros(arena, np.uint8), state)

    @property
    def arrays(self) -> tuple[Any, ...]:
        """In the order in which kernels take them."""
        return self.shorts, self.longs, self.arena

    def __len__(self) -> int:
        return int(self.state[SHORTS] + self.state[LONGS])

    def reserve(self, shorts: int, longs: int, size: int) -> None:
        """Make room for so many more words in each part, and bytes in the arena."""
        short_slots = _slots(int(self.state[SHORTS]), shorts, len(self.shorts) // 2)
        long_slots = _slots(int(self.state[LONGS]), longs, len(self.longs) // 4)
        if 2 * short_slots > len(self.shorts):
            old, self.shorts = self.shorts, np.zeros(2 * short_slots, dtype=np.uint64)
            self.state[SHORTS] = 0
            self._pour(old, NO_WORDS, NO_BYTES)
        if 4 * long_slots > len(self.longs):
            words, self.longs = self.longs, np.zeros(4 * long_slots, dtype=np.uint64)
            spelled, self.arena = self.arena, self._bigger_arena(size)
            self.state[LONGS], self.state[ARENA] = 0, ARENA_START
            self._pour(NO_WORDS, words, spelled)
        elif int(self.state[ARENA]) + size > len(self.arena):
            spelled, self.arena = self.arena, self._bigger_arena(size)
            self.arena[: len(spelled)] = spelled

    def _bigger_arena(self, size: int) -> npt.NDArray[np.uint8]:
        used = int(self.state[ARENA]) + size
        return np.zeros(2 * used if used > len(self.arena) else len(self.arena), dtype=np.uint8)

    def add(self, other: WordTable) -> None:
        """Count the words of another table in."""
        self.reserve(int(other.state[SHORTS]), int(other.state[LONGS]), int(other.state[ARENA]))
        self._pour(*other.arrays)

    def _pour(self, *words: npt.NDArray[Any]) -> None:
        kernel("pour_words")(*words, *self.arrays, self.state)

    def add_counts(self, counts: Counts) -> None:
        """Count words in that were counted before."""
        data = padded(counts.data)
        done = 0
        while done < len(counts):
            done = kernel("add_words")(data, counts.ends, counts.counts, done, *self.arrays, self.state)
            if done < len(counts):
                # All of the rest at worst, but words that are there already are the usual ones.
                more = min(len(counts) - done, len(self) + FIRST_SLOTS)
                self.reserve(more, more, len(counts.data))

    def counts(self) -> Counts:
        """The words in the order of their bytes."""
        words = len(self)
        keys = np.empty(2 * words, dtype=np.uint64)
        ends, counts = np.empty(words, dtype=np.int64), np.empty(words, dtype=np.int64)
        data = np.empty(16 * words + int(self.state[ARENA]) + 16, dtype=np.uint8)
        used = kernel("list_words")(*self.arrays, keys, data, ends, counts)
        order = _sorted(data[:used], ends, keys.reshape(-1, 2))
        out, out_ends = np.empty(used, dtype=np.uint8), np.empty(words, dtype=np.int64)
        kernel("gather_words")(data, ends, order, out, out_ends)
        return Counts(out, out_ends, counts[order])


def _slots(used: int, more: int, slots: int) -> int:
    """How many slots a part must have, as `kernels/counting.py` will have it."""
    while 2 * used > slots or 4 * (used + more) > 3 * slots:
        slots *= 2
    return slots


def _sorted(data: npt.NDArray[np.uint8], ends: IntArray, keys: npt.NDArray[np.uint64]) -> IntArray:
    """The order of words by their bytes; `keys` tell most apart, and those that they do not are looked at."""
    order = np.lexsort((keys[:, 1], keys[:, 0])).astype(np.int64)
    ranked = keys[order]
    # The last byte of the second key is the length: long words may be equal up to it.
    alike = np.zeros(len(order), dtype=np.bool_)
    alike[1:] = (ranked[1:, 0] == ranked[:-1, 0]) & ((ranked[1:, 1] ^ ranked[:-1, 1]) < 256)
    starts = np.flatnonzero(alike & ~np.concatenate([[False], alike[:-1]])[: len(alike)]) - 1
    for start in starts.tolist():
        end = start + 1
        while end < len(order) and alike[end]:
            end += 1
        group = order[start:end].tolist()
        words = {word: data[ends[word - 1] if word else 0 : ends[word]].tobytes() for word in group}
        order[start:end] = sorted(group, key=words.__getitem__)
    return order


class FastCounter:
    """Counts the pre-tokens of blocks; several threads may add at once.

    Args:
        cutter: How text is cut.
    """

    def __init__(self, cutter: Cutter) -> None:
        self._cutter = cutter
        self._local = threading.local()
        self._tables: list[WordTable] = []

    def add(self, block: Block) -> None:
        """Count the documents of a block, which is normalized."""
        size = len(block.data)
        if not size:
            return
        table, scratch = self._own(size)
        table.state[:2] = 0
        while (
            kernel("count_block")(
                block.data, block.ends, *self._cutter.arguments, *table.arrays, *scratch.arguments, table.state
            ) == FULL
        ):  # fmt: skip
            wanted = int(table.state[WANTED])
            table.reserve(wanted, wanted, wanted)

    def counts(self) -> Counts:
        """What all threads counted."""
        tables = sorted(self._tables, key=len, reverse=True)
        if not tables:
            return Counts.of({})
        total = tables[0]
        for table in tables[1:]:
            total.add(table)
        self._tables = [total]
        self._local = threading.local()
        return total.counts()

    def _own(self, size: int) -> tuple[WordTable, Scratch]:
        """The calling thread's table and scratch."""
        mine = getattr(self._local, "mine", None)
        if mine is None:
            table = WordTable.of()
            self._tables.append(table)
            mine = (table, Scratch.of(size))
        elif not mine[1].fits(size):
            mine = (mine[0], Scratch.of(size))
        self._local.mine = mine
        return mine
