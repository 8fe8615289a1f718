"""Count pre-tokens with the kernels: a table of words for each thread, added up at the end."""

from __future__ import annotations

import threading

import numpy as np

from tokit.arrays import Block, Counts
from tokit.counts.limits import UNLIMITED, WordLimits
from tokit.counts.word_table import FIRST_ARENA, FIRST_SLOTS, WordTable
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import COUNT_BATCH, COUNTED, DOCUMENT, FULL, POSITION, WANTED
from tokit.text.pipeline import METASPACE
from tokit.text.pretokenizer import KernelPreTokenizer, Scratch

_SPACE = ord(" ")


class KernelCounter:
    """Counts the pre-tokens of blocks; several threads may add at once.

    Args:
        pretokenizer: Tables by which the kernels pre-tokenize.
        limits: Number of words that may be held.

    Blocks are normalized already.
    """

    def __init__(self, pretokenizer: KernelPreTokenizer, limits: WordLimits = UNLIMITED) -> None:
        self._pretokenizer = pretokenizer
        self._limits = limits
        self._local = threading.local()
        self._tables: list[WordTable] = []

    def add(self, block: Block) -> None:
        """Count the documents of a block."""
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
        """Make room for a batch of words; a table that grows doubles, so that growing is rare."""
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
        """Counts of all threads."""
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
        own = getattr(self._local, "own", None)
        if own is None:
            table = WordTable.of(FIRST_SLOTS, FIRST_ARENA)
            self._tables.append(table)
            own = (table, Scratch.of(size))
        elif not own[1].fits(size):
            own = (own[0], Scratch.of(size))
        self._local.own = own
        return own


def _with_metaspaces(counts: Counts) -> Counts:
    """The same counts with U+2581 for the space, which stands only at the start of a word here."""
    starts = counts.starts
    spaced = counts.data[starts] == _SPACE
    if not spaced.any():
        return counts
    with_space, without_space = counts.select(spaced), counts.select(~spaced)
    with_metaspace = Counts(
        np.frombuffer(with_space.data.tobytes().replace(b" ", METASPACE.encode("utf-8")), dtype=np.uint8),
        with_space.ends + 2 * np.arange(1, len(with_space) + 1),
        with_space.counts,
    )
    # A word may stand in the text with either sign.
    table = WordTable.of(FIRST_SLOTS, FIRST_ARENA)
    for part in (without_space, with_metaspace):
        table.add_counts(part)
    return table.counts()
