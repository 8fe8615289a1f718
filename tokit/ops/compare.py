"""`tokit compare`: tokenizers, own and foreign, measured on one corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tokit.arrays import Block
from tokit.corpus import Corpus
from tokit.corpus.corpus_progress import blocks_with_progress, empty_corpus
from tokit.corpus.read_report import ReadReport, read_facts
from tokit.errors import ArtifactError, UsageError
from tokit.evaluation.metric import Metric, Sample, Subject, Value
from tokit.evaluation.tokenizer_metrics import METRICS
from tokit.evaluation.word_rules import WORD_RULES, word_rule
from tokit.progress import Tick, silent
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.load import folder_files, load_tokenizer

# Offsets are Python objects, one a token: this many bytes of text are measured at a time.
SAMPLE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ComparedTokenizer:
    """One row of the table.

    Attributes:
        name: The shortest end of its path that no other has.
        path: As given.
        family: Of its model; empty if it could not be opened.
        vocab_size: The largest id plus one; None if it could not be opened.
        values: Each metric's value; None where there was nothing to measure.
        failure: Why it was not measured; empty for one that was.
    """

    name: str
    path: str
    family: str
    vocab_size: int | None
    values: dict[str, Value]
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareReport(ReadReport):
    """Result of a comparison.

    Attributes:
        tokenizers: In the order given.
        word_rule: What counted as a word.
        documents: Of the corpus.
        bytes: Of its documents, without line ends.
        words: By that rule.
    """

    tokenizers: tuple[ComparedTokenizer, ...]
    word_rule: str
    documents: int
    bytes: int
    words: int


class Contestant:
    """A tokenizer of the comparison, as far as it works.

    Attributes:
        failure: The error that ended its measurement; None while there is none.
    """

    def __init__(self, path: str | Path, metrics: Sequence[Metric]) -> None:
        self.failure: ArtifactError | None = None
        self._tokenizer: Tokenizer | None = None
        self._metrics = metrics
        try:
            self._tokenizer = load_tokenizer(path)
            self._subject = Subject(self._tokenizer, metrics)
        except ArtifactError as error:
            # A mistyped path is no tokenizer that fails.
            if not Path(path).exists():
                raise
            self.failure = error

    def add(self, sample: Sample) -> None:
        """Measure a part of the corpus."""
        if self.failure is None:
            try:
                self._subject.add(sample)
            except ArtifactError as error:
                self.failure = error

    def row(self, name: str, path: str) -> ComparedTokenizer:
        """The result under a short name."""
        family, size = ("", None) if self._tokenizer is None else (self._tokenizer.family, self._tokenizer.vocab_size)
        if self.failure is None:
            return ComparedTokenizer(name, path, family, size, self._subject.values())
        nothing: dict[str, Value] = {metric.name: None for metric in self._metrics}
        return ComparedTokenizer(name, path, family, size, nothing, self.failure.message)


def compare_tokenizers(
    corpus: Corpus,
    tokenizers: Sequence[str | Path],
    *,
    words: str = "whitespace",
    metrics: Sequence[Metric] = METRICS,
    tick: Tick = silent,
) -> CompareReport:
    """Measure tokenizers on a corpus, all in one pass over it.

    Args:
        corpus: The text; it is read once.
        tokenizers: Paths of tokenizers, own or foreign; all are opened before any text is read. One that fails has a
            row that says why.
        words: What a word is: a name out of `tokit.evaluation.word_rules.WORD_RULES`.
        metrics: What is measured.
        tick: Progress.

    Raises:
        UsageError: no tokenizer, or an unknown word rule.
        ArtifactError: there is nothing at a path, or none of the tokenizers works.
        CorpusError: text that cannot be read, or none.
    """
    rule = word_rule(words)
    if not tokenizers:
        raise UsageError("no tokenizer to compare", hint="tokit compare tok/ other/tokenizer.json -c corpus.txt")
    contestants = _opened(tokenizers, metrics)
    documents = size = found = 0
    for block in blocks_with_progress(corpus, "comparing", tick):
        for part in _parts(block, SAMPLE_BYTES):
            sample = Sample(part, rule)
            documents, size, found = documents + len(part), size + sample.bytes, found + len(sample.words)
            for contestant in contestants:
                contestant.add(sample)
    if not documents:
        raise empty_corpus(corpus.skip_reasons)
    return CompareReport(
        tokenizers=_rows([str(path) for path in tokenizers], contestants),
        word_rule=words,
        documents=documents,
        bytes=size,
        words=found,
        **read_facts(corpus),
    )


def short_names(paths: Sequence[str]) -> list[str]:
    """The end of each path, as long as it takes to tell it from the others; the same path twice is numbered."""
    tails = [_telling_parts(path) for path in paths]
    distinct = list(dict.fromkeys(tails))
    names = dict(zip(distinct, _ends(distinct), strict=True))
    return [
        f"{names[tail]} ({times})" if (times := tails[: i + 1].count(tail)) > 1 else names[tail]
        for i, tail in enumerate(tails)
    ]


def _ends(tails: Sequence[tuple[str, ...]]) -> list[str]:
    names = [tail[-1] for tail in tails]
    for length in range(2, 1 + max(map(len, tails), default=0)):
        times = Counter(names)
        names = ["/".join(tail[-length:]) if times[name] > 1 else name for name, tail in zip(names, tails, strict=True)]
    return names


def _telling_parts(path: str) -> tuple[str, ...]:
    """The parts of a path, without a file name that every tokenizer of its kind has."""
    parts = tuple(part for part in Path(path).absolute().parts if part != "/") or ("/",)
    return parts[:-1] if len(parts) > 1 and parts[-1] in folder_files() else parts


def _parts(block: Block, size: int) -> Iterator[Block]:
    """A block in pieces of whole documents, of about `size` bytes."""
    first = 0
    while first < len(block):
        begin = int(block.ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(block.ends, begin + size, side="right")))
        ends = block.ends[first:last]
        yield Block(block.data[begin : ends[-1]], ends - begin)
        first = last


def _opened(paths: Sequence[str | Path], metrics: Sequence[Metric]) -> list[Contestant]:
    contestants = [Contestant(path, metrics) for path in paths]
    failures = [contestant.failure for contestant in contestants if contestant.failure is not None]
    if len(failures) == len(contestants):
        raise failures[0]
    return contestants


def _rows(paths: list[str], contestants: Sequence[Contestant]) -> tuple[ComparedTokenizer, ...]:
    return tuple(
        contestant.row(name, path)
        for name, path, contestant in zip(short_names(paths), paths, contestants, strict=True)
    )


def metrics() -> Sequence[Metric]:
    """The metrics, in the order of a row's values."""
    return METRICS


def word_definitions() -> dict[str, str]:
    """The definition of each word rule."""
    return {name: rule.definition for name, rule in WORD_RULES.items()}
