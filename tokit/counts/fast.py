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
from tokit.rules import METASPACE

FULL = 1
# Places in the state of a table: words in the first and in the second part, and bytes in the arena.
SHORTS, LONGS, ARENA = 2, 3, 4
FIRST_SLOTS = 1 << 16
SPACE = ord(" ")


@dataclass(slots=True)
class WordTable:
    """Words and their counts, as `kernels/words.py` lays them out."""

    shorts: npt.NDArray[np.uint64]
    longs: npt.NDArray[np.uint64]
    arena: npt.NDArray[np.uint8]
    state: IntArray

    @classmethod
    def of(cls, slots: int, arena: int) -> WordTable:
        """An empty table; half of its slots can be used."""
        state = np.zeros(5, dtype=np.int64)
        # Place 0 says that a word is not in the arena.
        state[ARENA] = 8
        return cls(
            np.zeros(2 * slots, dtype=np.uint64), np.zeros(4 * slots, dtype=np.uint64), np.zeros(arena, np.uint8), state
        )  # fmt: skip

    @property
    def arrays(self) -> tuple[Any, ...]:
        """In the order in which kernels take them."""
        return self.shorts, self.longs, self.arena

    def __len__(self) -> int:
        return int(self.state[SHORTS] + self.state[LONGS])

    def grow(self, words: int, size: int) -> None:
        """Make room for so many more words of so many bytes together."""
        most = max(int(self.state[SHORTS]), int(self.state[LONGS])) + words
        slots = 1 << (2 * most).bit_length()
        bigger = WordTable.of(slots, 2 * (int(self.state[ARENA]) + size))
        bigger.add(self)
        self.shorts, self.longs, self.arena, self.state = bigger.shorts, bigger.longs, bigger.arena, bigger.state

    def add(self, other: WordTable) -> None:
        """Count the words of another table in; there must be room."""
        kernel("pour_words")(*other.arrays, *self.arrays, self.state)

    def add_counts(self, counts: Counts) -> None:
        """Count words in that were counted before."""
        data = padded(counts.data)
        done = 0
        while done < len(counts):
            done = kernel("add_words")(data, counts.ends, counts.counts, done, *self.arrays, self.state)
            if done < len(counts):
                self.grow(len(counts) - done, len(counts.data))

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


def _with_metaspaces(counts: Counts) -> Counts:
    """The same counts with U+2581 for the space, which only begins a word here."""
    starts = counts.ends - np.diff(counts.ends, prepend=0)
    spaced = counts.data[starts] == SPACE
    if not spaced.any():
        return counts
    words, others = _selected(counts, spaced), _selected(counts, ~spaced)
    spelled = Counts(
        np.frombuffer(words.data.tobytes().replace(b" ", METASPACE.encode("utf-8")), dtype=np.uint8),
        words.ends + 2 * np.arange(1, len(words) + 1),
        words.counts,
    )
    # Some words may stand in the text with either sign.
    table = WordTable.of(FIRST_SLOTS, 1 << 20)
    for part in (others, spelled):
        table.add_counts(part)
    return table.counts()


def _selected(counts: Counts, mask: npt.NDArray[np.bool_]) -> Counts:
    lengths = np.diff(counts.ends, prepend=0)
    return Counts(counts.data[np.repeat(mask, lengths)], np.cumsum(lengths[mask], dtype=np.int64), counts.counts[mask])


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
            # A window's words at least; as much again as there is, so that growing is rare.
            begun = table.state[:2].copy()
            table.grow(len(table) + 2 * min(size, 1 << 15), size)
            table.state[:2] = begun

    def counts(self) -> Counts:
        """What all threads counted."""
        tables = sorted(self._tables, key=len, reverse=True)
        if not tables:
            return Counts.of({})
        total = tables[0]
        for table in tables[1:]:
            total.grow(len(table), int(table.state[ARENA]))
            total.add(table)
        self._tables = [total]
        self._local = threading.local()
        return _with_metaspaces(total.counts()) if self._cutter.metaspace else total.counts()

    def _own(self, size: int) -> tuple[WordTable, Scratch]:
        """The calling thread's table and scratch."""
        mine = getattr(self._local, "mine", None)
        if mine is None:
            table = WordTable.of(FIRST_SLOTS, 1 << 20)
            self._tables.append(table)
            mine = (table, Scratch.of(size))
        elif not mine[1].fits(size):
            mine = (mine[0], Scratch.of(size))
        self._local.mine = mine
        return mine
