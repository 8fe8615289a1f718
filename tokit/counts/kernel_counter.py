"""Counting pre-tokens with the kernels: a table of words for each thread, added up at the end."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tokit.arrays import Block, Counts, IntArray
from tokit.counts.limits import UNLIMITED, Limits
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import (
    ARENA,
    ARENA_START,
    COUNT_BATCH,
    COUNT_STATE,
    COUNTED,
    DOCUMENT,
    FULL,
    LONG_SLOT,
    LONG_VALUE,
    LONGS,
    POSITION,
    REST,
    SHORT_SLOT,
    SHORT_VALUE,
    SHORTS,
    WANTED,
)
from tokit.text.pipeline import METASPACE
from tokit.text.pretokenizer import KernelPreTokenizer, Scratch, padded

FIRST_SLOTS, FIRST_ARENA = 1 << 16, 1 << 18
NO_WORDS, NO_BYTES = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint8)
_SPACE = ord(" ")


@dataclass(slots=True)
class WordTable:
    """Words and their counts, as `kernels/words.py` lays them out.

    `shortfall` is by how much the count of a word may be too low, as it was forgotten before.
    """

    shorts: npt.NDArray[np.uint64]
    longs: npt.NDArray[np.uint64]
    arena: npt.NDArray[np.uint8]
    state: IntArray
    shortfall: int = 0

    @classmethod
    def of(cls, slots: int, arena: int) -> WordTable:
        """An empty table with so many slots, a power of two, in each part."""
        state = np.zeros(COUNT_STATE, dtype=np.int64)
        state[ARENA] = ARENA_START
        shorts, longs = np.zeros(SHORT_SLOT * slots, dtype=np.uint64), np.zeros(LONG_SLOT * slots, dtype=np.uint64)
        return cls(shorts, longs, np.zeros(arena, np.uint8), state)

    @property
    def arrays(self) -> tuple[Any, ...]:
        """In the order in which kernels take them."""
        return self.shorts, self.longs, self.arena

    def __len__(self) -> int:
        return int(self.state[SHORTS] + self.state[LONGS])

    def reserve(self, words: int, size: int) -> None:
        """Make room for so many more words in each part, and bytes in the arena."""
        short_slots, long_slots, arena = self._sizes(words, words, size)
        self._widen(short_slots, long_slots, arena)

    def bytes_when_reserved(self, words: int, size: int) -> int:
        """What a table takes that has so much more room."""
        short_slots, long_slots, arena = self._sizes(words, words, size)
        return 8 * (SHORT_SLOT * short_slots + LONG_SLOT * long_slots) + arena

    def _sizes(self, shorts: int, longs: int, size: int) -> tuple[int, int, int]:
        """Slots of each part and bytes of the arena that there must be for so many more."""
        used = int(self.state[ARENA]) + size
        return (
            _slots(int(self.state[SHORTS]), shorts, len(self.shorts) // SHORT_SLOT),
            _slots(int(self.state[LONGS]), longs, len(self.longs) // LONG_SLOT),
            2 * used if used > len(self.arena) else len(self.arena),
        )

    def _widen(self, short_slots: int, long_slots: int, arena: int) -> None:
        if SHORT_SLOT * short_slots > len(self.shorts):
            old, self.shorts = self.shorts, np.zeros(SHORT_SLOT * short_slots, dtype=np.uint64)
            self.state[SHORTS] = 0
            self._pour(old, NO_WORDS, NO_BYTES)
        if LONG_SLOT * long_slots > len(self.longs):
            words, self.longs = self.longs, np.zeros(LONG_SLOT * long_slots, dtype=np.uint64)
            spelled, self.arena = self.arena, np.zeros(arena, dtype=np.uint8)
            self.state[LONGS], self.state[ARENA] = 0, ARENA_START
            self._pour(NO_WORDS, words, spelled)
        elif arena > len(self.arena):
            spelled, self.arena = self.arena, np.zeros(arena, dtype=np.uint8)
            self.arena[: len(spelled)] = spelled

    def forget(self, limits: Limits) -> None:
        """Forget the rarest words, as a full table must.

        Raises:
            CorpusError: nothing may be forgotten.
        """
        shorts, longs = self.shorts.reshape(-1, SHORT_SLOT), self.longs.reshape(-1, LONG_SLOT)
        counts = np.concatenate(
            [shorts[shorts[:, 0] != 0, SHORT_VALUE], longs[longs[:, REST] != 0, LONG_VALUE]]
        ).astype(np.int64)
        highest = limits.highest_forgotten(counts)
        # A slot without a key is free, and the others are poured into new tables.
        shorts[shorts[:, SHORT_VALUE] <= highest] = 0
        longs[longs[:, LONG_VALUE] <= highest] = 0
        words = self.arrays
        self.shorts, self.longs, self.arena = (np.zeros_like(part) for part in words)
        self.state[[SHORTS, LONGS, ARENA]] = 0, 0, ARENA_START
        self._pour(*words)
        self.shortfall += highest

    def add(self, other: WordTable) -> None:
        """Count the words of another table in."""
        self._widen(*self._sizes(int(other.state[SHORTS]), int(other.state[LONGS]), int(other.state[ARENA])))
        self._pour(*other.arrays)
        self.shortfall += other.shortfall

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
                self.reserve(more, len(counts.data))

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


def _with_metaspaces(counts: Counts) -> Counts:
    """The same counts with U+2581 for the space, which only begins a word here."""
    starts = counts.starts
    spaced = counts.data[starts] == _SPACE
    if not spaced.any():
        return counts
    words, others = counts.select(spaced), counts.select(~spaced)
    spelled = Counts(
        np.frombuffer(words.data.tobytes().replace(b" ", METASPACE.encode("utf-8")), dtype=np.uint8),
        words.ends + 2 * np.arange(1, len(words) + 1),
        words.counts,
    )
    # Some words may stand in the text with either sign.
    table = WordTable.of(FIRST_SLOTS, FIRST_ARENA)
    for part in (others, spelled):
        table.add_counts(part)
    return table.counts()


class FastCounter:
    """Counts the pre-tokens of blocks; several threads may add at once.

    Args:
        pretokenizer: How text is cut.
        limits: How many words may be held.
    """

    def __init__(self, pretokenizer: KernelPreTokenizer, limits: Limits = UNLIMITED) -> None:
        self._pretokenizer = pretokenizer
        self._limits = limits
        self._local = threading.local()
        self._tables: list[WordTable] = []

    def add(self, block: Block) -> None:
        """Count the documents of a block, which is normalized."""
        size = len(block.data)
        if not size:
            return
        table, scratch = self._own(size)
        table.state[[POSITION, DOCUMENT, COUNTED]] = 0
        while (
            kernel("count_block")(
                block.data, block.ends, *self._pretokenizer.arguments, *table.arrays, *scratch.arguments, table.state
            ) == FULL
        ):  # fmt: skip
            self._make_room(table)
        if self._limits.too_many(len(table)):
            table.forget(self._limits)

    def _make_room(self, table: WordTable) -> None:
        """For a batch of words; a table that grows doubles, so that growing is rare."""
        size = int(table.state[WANTED])
        # The tables of other threads grow at about the same time.
        if not len(table) or self._limits.allow(len(self._tables) * table.bytes_when_reserved(COUNT_BATCH, size)):
            table.reserve(COUNT_BATCH, size)
        else:
            table.forget(self._limits)

    @property
    def shortfall(self) -> int:
        """By how much a count may be too low."""
        return sum(table.shortfall for table in self._tables)

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
        return _with_metaspaces(total.counts()) if self._pretokenizer.metaspace else total.counts()

    def _own(self, size: int) -> tuple[WordTable, Scratch]:
        """The calling thread's table and scratch."""
        mine = getattr(self._local, "mine", None)
        if mine is None:
            table = WordTable.of(FIRST_SLOTS, FIRST_ARENA)
            self._tables.append(table)
            mine = (table, Scratch.of(size))
        elif not mine[1].fits(size):
            mine = (mine[0], Scratch.of(size))
        self._local.mine = mine
        return mine
