"""A hash table of words and their counts, as `kernels/word_hash_table.py` lays it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tokit.arrays import Counts, IntArray, split_items
from tokit.counts.limits import WordLimits
from tokit.kernels.compiled.loader import kernel, kernel_pays_off
from tokit.kernels.layout import (
    ARENA,
    ARENA_START,
    COUNT_STATE,
    LONG_SLOT,
    LONG_VALUE,
    LONGS,
    REST,
    SHORT_SLOT,
    SHORT_VALUE,
    SHORTS,
)
from tokit.text.pretokenizer import padded

FIRST_SLOTS, FIRST_ARENA = 1 << 16, 1 << 18
NO_WORDS, NO_BYTES = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint8)


@dataclass(slots=True)
class WordTable:
    """Words and their counts.

    Attributes:
        shorts: Slots of words of up to 15 bytes; uint64.
        longs: Slots of longer words; uint64.
        arena: Bytes of the longer words; uint8.
        state: Numbers of words in both parts and of used bytes, and what the kernels keep; int64, shape (COUNT_STATE,).
        shortfall: The most by which a count may be too low, as its word was forgotten before.
    """

    shorts: npt.NDArray[np.uint64]
    longs: npt.NDArray[np.uint64]
    arena: npt.NDArray[np.uint8]
    state: IntArray
    shortfall: int = 0

    @classmethod
    def of(cls, slots: int, arena: int) -> WordTable:
        """An empty table with `slots` slots in each part, a power of two, and `arena` bytes for long words."""
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
        """Make room for `words` more in each part, and `size` more bytes in the arena."""
        short_slots, long_slots, arena = self._sizes(words, words, size)
        self._widen(short_slots, long_slots, arena)

    def bytes_when_reserved(self, words: int, size: int) -> int:
        """Size of the table after `reserve`, in bytes."""
        short_slots, long_slots, arena = self._sizes(words, words, size)
        return 8 * (SHORT_SLOT * short_slots + LONG_SLOT * long_slots) + arena

    def _sizes(self, shorts: int, longs: int, size: int) -> tuple[int, int, int]:
        """Slots of each part and bytes of the arena that are needed for that many more words and bytes."""
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
            old_arena, self.arena = self.arena, np.zeros(arena, dtype=np.uint8)
            self.state[LONGS], self.state[ARENA] = 0, ARENA_START
            self._pour(NO_WORDS, words, old_arena)
        elif arena > len(self.arena):
            old_arena, self.arena = self.arena, np.zeros(arena, dtype=np.uint8)
            self.arena[: len(old_arena)] = old_arena

    def forget(self, limits: WordLimits) -> None:
        """Forget the rarest words, as a full table must.

        Raises:
            CorpusError: nothing may be forgotten.
        """
        shorts, longs = self.shorts.reshape(-1, SHORT_SLOT), self.longs.reshape(-1, LONG_SLOT)
        counts = np.concatenate(
            [shorts[shorts[:, 0] != 0, SHORT_VALUE], longs[longs[:, REST] != 0, LONG_VALUE]]
        ).astype(np.int64)
        highest = limits.highest_forgotten(counts)
        # A slot without a key is free; the others are poured into new tables.
        shorts[shorts[:, SHORT_VALUE] <= highest] = 0
        longs[longs[:, LONG_VALUE] <= highest] = 0
        words = self.arrays
        self.shorts, self.longs, self.arena = (np.zeros_like(part) for part in words)
        self.state[[SHORTS, LONGS, ARENA]] = 0, 0, ARENA_START
        self._pour(*words)
        self.shortfall += highest

    def add(self, other: WordTable) -> None:
        """Add the counts of another table."""
        self._widen(*self._sizes(int(other.state[SHORTS]), int(other.state[LONGS]), int(other.state[ARENA])))
        self._pour(*other.arrays)
        self.shortfall += other.shortfall

    def _pour(self, *words: npt.NDArray[Any]) -> None:
        kernel("pour_words")(*words, *self.arrays, self.state)

    def add_counts(self, counts: Counts) -> None:
        """Add counts."""
        data = padded(counts.data)
        done = 0
        while done < len(counts):
            done = kernel("add_words")(data, counts.ends, counts.counts, done, *self.arrays, self.state)
            if done < len(counts):
                # At worst all of the rest is new, but most words are there already.
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
    """Number of slots that a part needs, by the rule of the kernel (`kernels/train/count_pretokens.py`)."""
    while 2 * used > slots or 4 * (used + more) > 3 * slots:
        slots *= 2
    return slots


def _sorted(data: npt.NDArray[np.uint8], ends: IntArray, keys: npt.NDArray[np.uint64]) -> IntArray:
    """The order of words by their bytes; `keys` order most of them, and only the ties are compared."""
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


def add_up(parts: list[Counts]) -> Counts:
    """Add counts of different texts."""
    filled = [part for part in parts if len(part)]
    if len(filled) <= 1:
        return filled[0] if filled else Counts.of({})
    if kernel_pays_off("add_words", sum(len(part.data) for part in filled)):
        table = WordTable.of(1 << (2 * max(map(len, filled))).bit_length(), FIRST_ARENA)
        for part in filled:
            table.add_counts(part)
        return table.counts()
    total: dict[bytes, int] = {}
    for part in filled:
        for word, count in zip(split_items(part.data, part.ends), part.counts.tolist(), strict=True):
            total[word] = total.get(word, 0) + count
    return Counts.of(total)
