"""What a metric of tokenizers is: a sum over parts of a corpus, and what is made of the sum.

Sums are all that is kept, so memory stays flat, and parts that were measured apart can be added.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from tokit.arrays import Block, Ids, IntArray, Pieces
from tokit.evaluation.word_rules import (
    WHITE_SPACE,
    BoolArray,
    Spans,
    WordRule,
    code_points,
    find_words,
    is_white,
    kept_whole,
)

Value: TypeAlias = int | float | None
Sum: TypeAlias = npt.NDArray[Any]
Style: TypeAlias = Literal["count", "ratio", "share", "speed"]


class MeasuredTokenizer(Protocol):
    """What is measured: a tokenizer, of which only this is used."""

    @property
    def vocab_size(self) -> int: ...
    @property
    def pieces(self) -> Pieces: ...
    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]: ...
    def decode_batch(self, ids: Sequence[Sequence[int]]) -> list[str]: ...
    def offsets_batch(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]: ...


@dataclass(frozen=True)
class Metric:
    """One column of a comparison.

    Attributes:
        name: The key in JSON and CSV.
        heading: Over the column.
        style: How a value is shown.
        definition: One sentence, for `--explain`.
        observe: What one part of the corpus adds to the sum.
        finish: The value out of the sum; None when there was nothing to measure.
    """

    name: str
    heading: str
    style: Style
    definition: str
    observe: Callable[[Encoded], Sum]
    finish: Callable[[Sum], Value]


class Sample:
    """Some documents and their words: the part of the work that is the same for every tokenizer."""

    def __init__(self, block: Block, rule: WordRule) -> None:
        codes = code_points(block)
        self.texts = block.texts()
        self.bytes = len(block.data)
        self.words = find_words(codes, rule)
        self.white = is_white(codes)

    @cached_property
    def starts(self) -> IntArray:
        """Where each document starts in the flat text; int64, shape (documents,)."""
        lengths = np.fromiter(map(len, self.texts), dtype=np.int64, count=len(self.texts)) + 1
        return np.cumsum(lengths) - lengths


class Encoded:
    """What one tokenizer made of a sample; what costs more than encoding is done when a metric asks for it."""

    def __init__(self, sample: Sample, subject: Subject) -> None:
        self.sample = sample
        self.subject = subject
        started = time.perf_counter()
        self._lists = subject.encoder.encode_batch(sample.texts)
        self.seconds = time.perf_counter() - started

    @cached_property
    def ids(self) -> Ids:
        """The ids of all documents."""
        return Ids.of(self._lists)

    @property
    def tokens(self) -> int:
        """How many tokens there are."""
        return len(self.ids.data)

    @cached_property
    def counts(self) -> IntArray:
        """How often each id occurs; int64, shape (vocab,)."""
        return np.bincount(self.ids.data, minlength=self.subject.encoder.vocab_size)

    @property
    def unknown(self) -> int:
        """How many tokens are the unknown one."""
        unknown_id = self.subject.encoder.pieces.unknown_id
        return 0 if unknown_id is None else int(self.counts[unknown_id])

    def lossless_documents(self) -> int:
        """How many documents decoding gives back."""
        decoded = self.subject.encoder.decode_batch(self._lists)
        return sum(map(str.__eq__, decoded, self.sample.texts))

    def whole_words(self) -> int:
        """How many words are exactly one token."""
        written = ~self.subject.blank[self.ids.data]
        spans = self._spans()
        tokens = Spans(spans.starts[written], spans.stops[written])
        ids = self.ids.data[written]
        unknown_id = self.subject.encoder.pieces.unknown_id
        known = np.ones(len(ids), dtype=np.bool_) if unknown_id is None else ids != unknown_id
        return int(np.count_nonzero(kept_whole(self.sample.words, tokens, known, self.sample.white)))

    def _spans(self) -> Spans:
        offsets = self.subject.encoder.offsets_batch(self.sample.texts)
        flat = np.fromiter(
            chain.from_iterable(chain.from_iterable(offsets)), dtype=np.int64, count=2 * self.tokens
        ).reshape(-1, 2)
        shift = np.repeat(self.sample.starts, self.ids.lengths)
        return Spans(flat[:, 0] + shift, flat[:, 1] + shift)


class Subject:
    """A tokenizer that is being measured, and the sums so far."""

    def __init__(self, encoder: MeasuredTokenizer, metrics: Sequence[Metric]) -> None:
        self.encoder = encoder
        self._metrics = tuple(metrics)
        self._sums: dict[str, Sum] = {}
        # The first call starts threads and compiles patterns: it is not the tokenizer's speed.
        encoder.encode_batch(["warm up"])

    @cached_property
    def blank(self) -> BoolArray:
        """Which ids write nothing but white space."""
        return np.array([not text.strip(WHITE_SPACE) for text in self.encoder.pieces.texts], dtype=np.bool_)

    def add(self, sample: Sample) -> None:
        """Encode a sample and add what each metric sees in it."""
        encoded = Encoded(sample, self)
        for metric in self._metrics:
            seen = metric.observe(encoded)
            self._sums[metric.name] = self._sums[metric.name] + seen if metric.name in self._sums else seen

    def values(self) -> dict[str, Value]:
        """Each metric's value; none before the first sample."""
        return {metric.name: metric.finish(self._sums[metric.name]) for metric in self._metrics if self._sums}
