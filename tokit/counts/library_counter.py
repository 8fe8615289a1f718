"""Count pre-tokens with the `tokenizers` library: the reference, for any text pipeline.

Between two lone spaces the patterns of the field look at nothing outside, so equal stretches of text are pre-tokenized
once and not each time they occur. A pattern of the user's own may look further: then every document is pre-tokenized.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from tokit.arrays import Block, Counts
from tokit.counts.limits import UNLIMITED, WordLimits
from tokit.text.library_failures import failure_on, is_library_failure, panics_held_back
from tokit.text.pipeline import TextPipeline, join_steps

# Python's \s knows all white space of the reference and four control characters more: a stretch is longer, never wrong.
LONE_SPACE = re.compile(r"(?<=\S) (?=\S)")
# Number of stretches that are collected before they are pre-tokenized, lest rare ones fill the memory.
MAX_STRETCHES = 1 << 20
BACKTRACKING = "the pattern tries too many ways to match this text: write it without repeats inside repeats"
# Size of a word and its count in a dictionary, or a little more.
WORD_BYTES = 200


class LibraryCounter:
    """Counts the pre-tokens of blocks, from one thread at a time.

    Args:
        pipeline: How text is normalized and pre-tokenized.
        limits: Number of words that may be held.

    Attributes:
        shortfall: The most by which a count may be too low.
    """

    def __init__(self, pipeline: TextPipeline, limits: WordLimits = UNLIMITED) -> None:
        self.shortfall = 0
        self._limits = limits
        self._stretched = pipeline.splits_at_spaces
        self._normalizer = pipeline.normalizer()
        self._splitter = join_steps(pipeline.splitters())
        self._stretches: Counter[str] = Counter()
        self._words: Counter[str] = Counter()

    def add(self, block: Block) -> None:
        """Count the documents of a block."""
        for text in block.texts():
            # Normalized before it is split: a character may become white space, or a lone mark vanish between spaces.
            self._collect(text if self._normalizer is None else self._normalizer.normalize_str(text))
        if len(self._stretches) > MAX_STRETCHES or not self._stretched:
            self._pre_tokenize()

    def counts(self) -> Counts:
        """Counts of all blocks so far."""
        self._pre_tokenize()
        return Counts.of({word.encode("utf-8"): count for word, count in self._words.items()})

    def _collect(self, text: str) -> None:
        if not self._stretched:
            self._stretches[text] += 1
            return
        first, *rest = LONE_SPACE.split(text)
        self._stretches[first] += 1
        self._stretches.update([" " + part for part in rest])

    def _pre_tokenize(self) -> None:
        """Count the pre-tokens of the collected stretches.

        Raises:
            ArtifactError: the library fails on one of them.
        """
        words, stretch = self._words, ""
        try:
            with panics_held_back():
                for stretch, count in self._stretches.items():
                    for word in self._pre_tokens(stretch):
                        words[word] += count
        except BaseException as error:
            if not is_library_failure(error):
                raise
            raise failure_on(stretch, error, "the pre-tokenizer", BACKTRACKING) from error
        self._stretches.clear()
        if self._limits.too_many(len(words)) or not self._limits.allow(WORD_BYTES * len(words)):
            self._forget()

    def _forget(self) -> None:
        """Forget the rarest words, as a full table must."""
        counts = np.fromiter(self._words.values(), dtype=np.int64, count=len(self._words))
        highest = self._limits.highest_forgotten(counts)
        self._words = Counter({word: count for word, count in self._words.items() if count > highest})
        self.shortfall += highest

    def _pre_tokens(self, text: str) -> list[str]:
        if self._splitter is None:
            return [text] if text else []
        return [word for word, _ in self._splitter.pre_tokenize_str(text) if word]
