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
from tokit.errors import UsageError
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
        family: Of its model.
        vocab_size: The largest id plus one.
        values: Each metric's value; None where there was nothing to measure.
    """

    name: str
    path: str
    family: str
    vocab_size: int
    values: dict[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareReport:
    """Result of a comparison.

    Attributes:
        tokenizers: In the order given.
        word_rule: What counted as a word.
        documents: Of the corpus.
        bytes: Of its documents, without line ends.
        words: By that rule.
        skipped: Documents left out because they are not UTF-8.
        replaced: Documents with U+FFFD for broken bytes.
    """

    tokenizers: tuple[ComparedTokenizer, ...]
    word_rule: str
    documents: int
    bytes: int
    words: int
    skipped: int
    replaced: int


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
        tokenizers: Paths of tokenizers, own or foreign; all are opened before any text is read.
        words: What a word is: a name out of `tokit.evaluation.word_rules.WORD_RULES`.
        metrics: What is measured.
        tick: Progress.

    Raises:
        UsageError: no tokenizer, or an unknown word rule.
        ArtifactError: a tokenizer that cannot be opened.
        CorpusError: text that cannot be read, or none.
    """
    rule = word_rule(words)
    if not tokenizers:
        raise UsageError("no tokenizer to compare", hint="tokit compare tok/ other/tokenizer.json -c corpus.txt")
    opened = [load_tokenizer(path) for path in tokenizers]
    subjects = [Subject(tokenizer, metrics) for tokenizer in opened]
    documents = size = found = 0
    for block in blocks_with_progress(corpus, "comparing", tick):
        for part in _parts(block, SAMPLE_BYTES):
            sample = Sample(part, rule)
            documents, size, found = documents + len(part), size + sample.bytes, found + len(sample.words)
            for subject in subjects:
                subject.add(sample)
    if not documents:
        raise empty_corpus()
    rows = _rows([str(path) for path in tokenizers], opened, subjects)
    return CompareReport(
        tokenizers=rows,
        word_rule=words,
        documents=documents,
        bytes=size,
        words=found,
        skipped=corpus.skipped,
        replaced=corpus.replaced,
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


def _rows(paths: list[str], opened: Sequence[Tokenizer], subjects: Sequence[Subject]) -> tuple[ComparedTokenizer, ...]:
    return tuple(
        ComparedTokenizer(name, path, tokenizer.family, tokenizer.vocab_size, subject.values())
        for name, path, tokenizer, subject in zip(short_names(paths), paths, opened, subjects, strict=True)
    )


def metrics() -> Sequence[Metric]:
    """The metrics, in the order of a row's values."""
    return METRICS


def word_definitions() -> dict[str, str]:
    """The definition of each word rule."""
    return {name: rule.definition for name, rule in WORD_RULES.items()}
