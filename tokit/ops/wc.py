"""`tokit wc`: documents, words, bytes and tokens of each source, as wc counts lines, words and bytes."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from io import UnsupportedOperation
from pathlib import Path
from stat import S_ISREG

from tokit.arrays import Block
from tokit.corpus import Corpus, CorpusSource
from tokit.corpus.read_report import ReadReport, read_facts
from tokit.errors import ArtifactError
from tokit.evaluation.word_rules import code_points, find_words, word_rule
from tokit.progress import Progress, Tick, silent
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.load import load_tokenizer

RULE = word_rule("whitespace")


@dataclass(frozen=True, slots=True)
class SourceCount:
    """Counts of one source.

    Attributes:
        name: As given; None for standard input.
        documents: Lines of text, one more when the last has no end; or records.
        words: Longest runs without White_Space.
        bytes: Of the documents, and one for each end of a line.
        tokens: None without a tokenizer.
    """

    name: str | None
    documents: int = 0
    words: int = 0
    bytes: int = 0
    tokens: int | None = None

    def __add__(self, other: SourceCount) -> SourceCount:
        """Both together, under this one's name."""
        tokens = None if self.tokens is None or other.tokens is None else self.tokens + other.tokens
        return SourceCount(
            self.name,
            self.documents + other.documents,
            self.words + other.words,
            self.bytes + other.bytes,
            tokens,
        )


@dataclass(frozen=True, slots=True)
class WcReport(ReadReport):
    """Counts of a corpus.

    Attributes:
        sources: In the order they were named.
        total: All of them together.
        piped: Some source is not a regular file, so its size was not known before.
        failure: Why there are no tokens although a tokenizer was given; empty otherwise.
    """

    sources: tuple[SourceCount, ...]
    total: SourceCount
    piped: bool
    failure: str = ""


def count_sources(corpus: Corpus, tokenizer: str | Path | None = None, *, tick: Tick = silent) -> WcReport:
    """Count each source of a corpus.

    Args:
        corpus: The text.
        tokenizer: A tokenizer's path; None leaves tokens out.
        tick: Progress.

    Raises:
        ArtifactError: the tokenizer cannot be opened.
        CorpusError: text that cannot be read.
    """
    counter = TokenCounter(None if tokenizer is None else load_tokenizer(tokenizer))
    total_bytes = corpus.total_bytes
    counts = []
    for source in corpus.sources:
        count = SourceCount(None if source.path is None else source.name, tokens=counter.none_yet)
        for block in source.blocks():
            count += _count(block, counter.tokens(block), line_ends=_by_line(source))
            tick(Progress("counting", corpus.bytes_read, total_bytes, "bytes"))
        counts.append(count)
    total = sum(counts, start=SourceCount("total", tokens=None if tokenizer is None else 0))
    piped = not all(map(_is_regular, corpus.sources))
    return WcReport(tuple(counts), total, piped, counter.failure, **read_facts(corpus))


class TokenCounter:
    """Counts the tokens of blocks for as long as its tokenizer works.

    Attributes:
        failure: Why it stopped; empty while it works.
    """

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        self.failure = ""
        self._tokenizer = tokenizer

    @property
    def none_yet(self) -> int | None:
        """Tokens of a source before its first block."""
        return None if self._tokenizer is None else 0

    def tokens(self, block: Block) -> int | None:
        """Number of tokens of a block; None without a tokenizer that works."""
        try:
            return None if self._tokenizer is None else len(self._tokenizer.encode_block(block).data)
        except ArtifactError as error:
            self.failure, self._tokenizer = error.message, None
            return None


def _count(block: Block, tokens: int | None, *, line_ends: bool) -> SourceCount:
    ends = len(block) - block.open_end if line_ends else 0
    return SourceCount(None, len(block), len(find_words(code_points(block), RULE)), len(block.data) + ends, tokens)


def _by_line(source: CorpusSource) -> bool:
    """True if every document of a source is a line: line ends then belong to the source's bytes."""
    return source.reader.option == "unit" and source.options.unit == "line"


def _is_regular(source: CorpusSource) -> bool:
    if source.path is not None:
        return source.path.is_file()
    try:
        return S_ISREG(os.fstat(sys.stdin.fileno()).st_mode)
    except (OSError, UnsupportedOperation, AttributeError):
        return False
