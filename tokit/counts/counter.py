"""Count pre-tokens: number of occurrences of each in a corpus, in memory that grows with the distinct ones.

`PreTokenCounter` chooses for each block: the kernels (`kernel_counter.py`) where they support the text pipeline and
there is enough text, else the library (`library_counter.py`). The counts are the same.
"""

from __future__ import annotations

import threading

from tokit.arrays import Block, Counts
from tokit.counts.kernel_counter import KernelCounter
from tokit.counts.library_counter import LibraryCounter
from tokit.counts.limits import UNLIMITED, Shortfall, WordLimits
from tokit.counts.word_table import add_up
from tokit.kernels.compiled.loader import kernel_pays_off
from tokit.text.normalizer import BlockNormalizer
from tokit.text.pipeline import TextPipeline
from tokit.text.pretokenizer import kernel_pretokenizer_for


class PreTokenCounter:
    """Counts the pre-tokens of blocks under a text pipeline; several threads may add at once.

    >>> counter = PreTokenCounter(TextPipeline())
    >>> counter.add(Block.of([b"to be or not to be"]))
    >>> counter.counts().items()
    [(' be', 2), (' not', 1), (' or', 1), (' to', 1), ('to', 1)]
    """

    def __init__(self, pipeline: TextPipeline, limits: WordLimits = UNLIMITED) -> None:
        pretokenizer = kernel_pretokenizer_for(pipeline)
        self._by_kernels = None if pretokenizer is None else KernelCounter(pretokenizer, limits)
        self._by_library = LibraryCounter(pipeline, limits)
        self._normalized = BlockNormalizer(pipeline.normalizer(), pipeline.normalizers)
        self._lock = threading.Lock()
        self._seen_bytes = 0

    def add(self, block: Block) -> None:
        """Count the documents of a block."""
        with self._lock:
            size, seen = len(block.data), self._seen_bytes
            self._seen_bytes += size
            by_kernels = self._by_kernels if kernel_pays_off("count_block", size, seen) else None
            if by_kernels is None:
                self._by_library.add(block)
        if by_kernels is not None:
            by_kernels.add(self._normalized(block))

    def counts(self) -> Counts:
        """Counts of all blocks so far."""
        by_kernels = Counts.of({}) if self._by_kernels is None else self._by_kernels.counts()
        return add_up([self._by_library.counts(), by_kernels])

    @property
    def shortfall(self) -> Shortfall:
        """By how much the counts may be too low."""
        most = self._by_library.shortfall + (0 if self._by_kernels is None else self._by_kernels.shortfall)
        return Shortfall(most, most)
