"""Counting pre-tokens: how often each occurs in a corpus, in memory that grows with the distinct ones.

Much text under rules that the kernels know is counted by them. Else the library cuts: between two lone spaces the
patterns of the field look at nothing outside, so equal stretches of text are cut once and not each time they occur. A
pattern of the user's own may look further: then every document is cut.
"""

from __future__ import annotations

import re
import threading
from collections import Counter

import numpy as np

from tokit.arrays import Block, Counts, split_items
from tokit.counts.kernel_counter import FIRST_ARENA, FastCounter, WordTable
from tokit.counts.limits import UNLIMITED, Limits, Shortfall
from tokit.kernels.compiled.loader import pays
from tokit.text.normalizer import BlockNormalizer
from tokit.text.pipeline import TextPipeline, join_steps
from tokit.text.pretokenizer import kernel_pretokenizer_for

# Python's \s knows all white space of the reference and four control characters more: a cut fewer, never a wrong one.
LONE_SPACE = re.compile(r"(?<=\S) (?=\S)")
# Stretches are cut and forgotten when there are so many, lest rare ones fill the memory.
MAX_STRETCHES = 1 << 20
# What a word and its count take in a dictionary, or a little more.
WORD_BYTES = 200


class PreTokenCounter:
    """Counts the pre-tokens of blocks under some rules; several threads may add at once.

    >>> counter = PreTokenCounter(TextPipeline())
    >>> counter.add(Block.of([b"to be or not to be"]))
    >>> counter.counts().items()
    [(' be', 2), (' not', 1), (' or', 1), (' to', 1), ('to', 1)]
    """

    def __init__(self, pipeline: TextPipeline, limits: Limits = UNLIMITED) -> None:
        self.pipeline = pipeline
        self._limits = limits
        self._shortfall = 0
        self._normalizer = pipeline.normalizer()
        self._splitter = join_steps(pipeline.splitters())
        self._stretches: Counter[str] = Counter()
        self._words: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._seen_bytes = 0
        pretokenizer = kernel_pretokenizer_for(pipeline)
        self._fast = None if pretokenizer is None else FastCounter(pretokenizer, limits)
        self._normalized = BlockNormalizer(self._normalizer, pipeline.normalizers)

    def add(self, block: Block) -> None:
        """Count the documents of a block."""
        with self._lock:
            size, seen = len(block.data), self._seen_bytes
            self._seen_bytes += size
            fast = self._fast if pays("count_block", size, seen) else None
            if fast is None:
                self._add_slowly(block)
        if fast is not None:
            fast.add(self._normalized(block))

    def counts(self) -> Counts:
        """What was counted so far."""
        self._fold()
        slow = Counts.of({word.encode("utf-8"): count for word, count in self._words.items()})
        fast = Counts.of({}) if self._fast is None else self._fast.counts()
        return added([slow, fast])

    @property
    def shortfall(self) -> Shortfall:
        """By how much the counts may be too low."""
        most = self._shortfall + (0 if self._fast is None else self._fast.shortfall)
        return Shortfall(most, most)

    def _add_slowly(self, block: Block) -> None:
        for text in block.texts():
            # Normalised before it is cut: a character may become white space, or a lone mark vanish between spaces.
            if self._normalizer is not None:
                text = self._normalizer.normalize_str(text)  # noqa: PLW2901
            if self.pipeline.cuts_at_spaces:
                first, *rest = LONE_SPACE.split(text)
                self._stretches[first] += 1
                self._stretches.update([" " + part for part in rest])
            else:
                self._stretches[text] += 1
        if len(self._stretches) > MAX_STRETCHES or not self.pipeline.cuts_at_spaces:
            self._fold()

    def _fold(self) -> None:
        """Cut the collected stretches into pre-tokens."""
        words = self._words
        for stretch, count in self._stretches.items():
            for word in self._cut(stretch):
                words[word] += count
        self._stretches.clear()
        if self._limits.too_many(len(words)) or not self._limits.allow(WORD_BYTES * len(words)):
            self._forget()

    def _forget(self) -> None:
        """Forget the rarest words, as a full table must."""
        counts = np.fromiter(self._words.values(), dtype=np.int64, count=len(self._words))
        highest = self._limits.highest_forgotten(counts)
        self._words = Counter({word: count for word, count in self._words.items() if count > highest})
        self._shortfall += highest

    def _cut(self, text: str) -> list[str]:
        if self._splitter is None:
            return [text] if text else []
        return [word for word, _ in self._splitter.pre_tokenize_str(text) if word]


def added(parts: list[Counts]) -> Counts:
    """Counts added up."""
    filled = [part for part in parts if len(part)]
    if len(filled) <= 1:
        return filled[0] if filled else Counts.of({})
    if pays("add_words", sum(len(part.data) for part in filled)):
        table = WordTable.of(1 << (2 * max(map(len, filled))).bit_length(), FIRST_ARENA)
        for part in filled:
            table.add_counts(part)
        return table.counts()
    total: dict[bytes, int] = {}
    for part in filled:
        for word, count in zip(split_items(part.data, part.ends), part.counts.tolist(), strict=True):
            total[word] = total.get(word, 0) + count
    return Counts.of(total)
