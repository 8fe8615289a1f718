"""Limits on the number of distinct words that counting holds, and the error of forgetting those beyond.

Beyond the limit the words with the lowest counts are forgotten. This is lossy counting with a bound on memory in place
of one on the error: a word that comes again starts from zero, so its count is too low by at most the highest count that
was forgotten, summed over the times that words were forgotten. No count is ever too high.
Manku and Motwani 2002, https://www.vldb.org/conf/2002/S10P03.pdf
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tokit.arrays import Counts, IntArray
from tokit.errors import CorpusError
from tokit.storage.manifests import ShortfallRecord


def _unknown() -> int | None:
    return None


@dataclass(frozen=True, slots=True)
class WordLimits:
    """Limits on the distinct words that counting holds.

    Attributes:
        max_words: Distinct words in a table, of which every thread has one; None leaves it to the memory.
        forgets: Forget the rarest words beyond that; else counting stops with an error.
        free_memory: Bytes that can still be taken; None where that is unknown.
    """

    max_words: int | None = None
    forgets: bool = False
    free_memory: Callable[[], int | None] = _unknown

    def allow(self, size: int) -> bool:
        """True when `size` more bytes can be taken, and as many again, which sorting and merging need."""
        free = self.free_memory()
        return free is None or 2 * size <= free

    def most_words(self, held: int) -> int:
        """Number of words that stay when a full table of `held` words forgets: there is room for a while then."""
        return 3 * min(held, self.max_words or held) // 4

    def too_many(self, words: int) -> bool:
        """True when a table holds more words than it may."""
        return self.max_words is not None and words > self.max_words

    def highest_forgotten(self, counts: IntArray) -> int:
        """The count up to which words of a full table are forgotten.

        Raises:
            CorpusError: nothing may be forgotten.
        """
        held = len(counts)
        if not self.forgets:
            limit = f"--max-words {self.max_words:,}" if self.too_many(held) else "fit in memory"
            raise CorpusError(
                f"more distinct words than {limit}: {held:,} by now",
                hint="tokit count --min-frequency 2 forgets rare words while counting, and reports the largest error",
            )
        rank = held - self.most_words(held) - 1
        return int(np.partition(counts, rank)[rank])


UNLIMITED = WordLimits()


@dataclass(frozen=True, slots=True)
class Shortfall:
    """The most by which counts may be too low.

    Attributes:
        listed: Of a word that is there.
        missing: Of a word that is not: the number of times that it may occur.
    """

    listed: int = 0
    missing: int = 0

    def __add__(self, other: Shortfall) -> Shortfall:
        """Shortfall of counts added up: a word may be there in one part and missing in the other."""
        either = max(self.listed + other.missing, self.missing + other.listed)
        return Shortfall(either, self.missing + other.missing)

    def beyond(self, min_frequency: int) -> Shortfall:
        """The shortfall after words that were counted less often are left out."""
        return Shortfall(self.listed, max(self.missing, self.listed + min_frequency - 1))

    def as_record(self) -> ShortfallRecord | None:
        """Entry of a manifest; None for exact counts."""
        return None if self == EXACT else {"listed": self.listed, "missing": self.missing}

    @classmethod
    def from_record(cls, record: ShortfallRecord | None) -> Shortfall:
        """Read an entry of a manifest."""
        return EXACT if record is None else cls(**record)


EXACT = Shortfall()


def at_least(counts: Counts, min_frequency: int) -> Counts:
    """The words that were counted at least `min_frequency` times."""
    return counts.select(counts.counts >= min_frequency)
