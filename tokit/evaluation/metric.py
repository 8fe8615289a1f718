"""Base of tokenizer metrics: a sum over parts of a corpus, and a value computed from the sum.

Only sums are kept, so memory does not grow, and sums of separate parts can be added.
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
    whole_words,
)

Value: TypeAlias = int | float | None
Sum: TypeAlias = npt.NDArray[Any]
Style: TypeAlias = Literal["count", "ratio", "fraction", "speed"]


class MeasuredTokenizer(Protocol):
    """Interface of a tokenizer that is measured."""

    @property
    def vocab_size(self) -> int: ...
    @property
    def pieces(self) -> Pieces: ...
    def library_ids(self, texts: Sequence[str]) -> list[list[int]]: ...
    def count_dropped(self, texts: Sequence[str]) -> int: ...
    def decode_batch(self, ids: Sequence[Sequence[int]]) -> list[str]: ...
    def offsets_batch(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]: ...


@dataclass(frozen=True)
class Metric:
    """One column of a comparison.

    Attributes:
        name: The key in JSON and CSV.
        heading: Column heading.
        style: Number format.
        definition: One sentence, for `--explain`.
        observe: Term of the sum for one part of the corpus.
        finish: Value of the sum; None when there was nothing to measure.
    """

    name: str
    heading: str
    style: Style
    definition: str
    observe: Callable[[EncodedSample], Sum]
    finish: Callable[[Sum], Value]


class Sample:
    """Documents and their words: the part of the work that is the same for every tokenizer."""

    def __init__(self, block: Block, rule: WordRule) -> None:
        codes = code_points(block)
        self.texts = block.texts()
        self.bytes = len(block.data)
        self.words = find_words(codes, rule)
        self.white = is_white(codes)

    @cached_property
    def starts(self) -> IntArray:
        """Start of each document in the flat text; int64, shape (documents,)."""
        lengths = np.fromiter(map(len, self.texts), dtype=np.int64, count=len(self.texts)) + 1
        return np.cumsum(lengths) - lengths


class EncodedSample:
    """A sample encoded by one tokenizer; anything that costs more than encoding is computed when a metric needs it."""

    def __init__(self, sample: Sample, subject: Subject) -> None:
        self.sample = sample
        self.subject = subject
        started = time.perf_counter()
        self._lists = subject.encoder.library_ids(sample.texts)
        self.seconds = time.perf_counter() - started

    @cached_property
    def ids(self) -> Ids:
        """Ids of all documents."""
        return Ids.of(self._lists)

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return len(self.ids.data)

    @cached_property
    def counts(self) -> IntArray:
        """Occurrences of each id; int64, shape (vocab,)."""
        return np.bincount(self.ids.data, minlength=self.subject.encoder.vocab_size)

    @property
    def unknown(self) -> int:
        """Number of unknown tokens."""
        unknown_id = self.subject.encoder.pieces.unknown_id
        return 0 if unknown_id is None else int(self.counts[unknown_id])

    @cached_property
    def dropped(self) -> int:
        """Number of characters that give no token, not even the unknown one."""
        return self.subject.encoder.count_dropped(self.sample.texts)

    def lossless_documents(self) -> int:
        """Number of documents that decoding restores exactly."""
        decoded = self.subject.encoder.decode_batch(self._lists)
        return sum(map(str.__eq__, decoded, self.sample.texts))

    def whole_words(self) -> int:
        """Number of words that are exactly one token."""
        written = ~self.subject.blank[self.ids.data]
        spans = self._spans()
        tokens = Spans(spans.starts[written], spans.stops[written])
        ids = self.ids.data[written]
        unknown_id = self.subject.encoder.pieces.unknown_id
        known = np.ones(len(ids), dtype=np.bool_) if unknown_id is None else ids != unknown_id
        return int(np.count_nonzero(whole_words(self.sample.words, tokens, known, self.sample.white)))

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
        # The first call starts threads and compiles patterns, which would distort the speed.
        encoder.library_ids(["warm up"])

    @cached_property
    def blank(self) -> BoolArray:
        """Ids whose text is white space only; shape (vocab,)."""
        return np.array([not text.strip(WHITE_SPACE) for text in self.encoder.pieces.texts], dtype=np.bool_)

    def add(self, sample: Sample) -> None:
        """Encode a sample and add it to each metric's sum."""
        encoded = EncodedSample(sample, self)
        for metric in self._metrics:
            term = metric.observe(encoded)
            self._sums[metric.name] = self._sums[metric.name] + term if metric.name in self._sums else term

    def values(self) -> dict[str, Value]:
        """Each metric's value; none before the first sample."""
        return {metric.name: metric.finish(self._sums[metric.name]) for metric in self._metrics if self._sums}
