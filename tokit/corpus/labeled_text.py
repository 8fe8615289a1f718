"""Labeled examples of a task, and the columns that they are in; shared by lines and records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tokit.corpus.byte_stream import ReadStats, silent
from tokit.corpus.corpus import Corpus
from tokit.corpus.formats import known_format
from tokit.corpus.open import open_corpus
from tokit.errors import BadRecordError, UsageError

CLASSIFY, TOKENS, PAIRS = "classify", "tokens", "pairs"
TASKS = (CLASSIFY, TOKENS, PAIRS)
RECORDS = ("jsonl", "csv", "tsv-quoted", "parquet", "arrow")
# Default columns, by number and by name: of the label, and of the texts.
NUMBERS: dict[str, tuple[str, tuple[str, ...]]] = {
    CLASSIFY: ("1", ("2",)), TOKENS: ("-1", ("1",)), PAIRS: ("3", ("1", "2")),
}  # fmt: skip
NAMES = {CLASSIFY: ("label", ("text",)), PAIRS: ("label", ("text1", "text2"))}


@dataclass(frozen=True, slots=True)
class Example:
    """A labeled example.

    Attributes:
        texts: One text, two of them, or the words of a sentence.
        labels: One label, or the tag of each word.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of the label and the texts.

    Attributes:
        task: "classify", "tokens" or "pairs"; None infers it from the number of columns.
        label: Name or number of the column of labels; None is the task's default.
        texts: Names or numbers of the columns of texts; none are the task's default.
        format: Format of the files; None goes by their names.
        errors: Treatment of bad examples: "strict", "replace" (of bytes that are not UTF-8), "skip".
        header: The first row of CSV and TSV names the columns, or may do so; without it, it is an example.
        tell: Called with what is assumed of a file, and with the places of the first skipped examples.
    """

    task: str | None = None
    label: str | None = None
    texts: tuple[str, ...] = ()
    format: str | None = None
    errors: str = "strict"
    header: bool = True
    tell: Callable[[str], None] = silent

    @property
    def named(self) -> bool:
        """True when a column is given by its name."""
        return any(not is_number(column) for column in (*self.texts, *([self.label] if self.label else [])))


@dataclass(frozen=True, slots=True)
class LabeledText:
    """Examples of a task.

    Attributes:
        task: "classify", "tokens" or "pairs".
        examples: In the order of the files.
        skipped_lines: Lines of CoNLL-U that are no words: ranges and empty nodes.
        skip_reasons: Number of examples that were skipped, by reason.
        replaced: Examples with U+FFFD in place of broken bytes.
    """

    task: str
    examples: list[Example]
    skipped_lines: int = 0
    skip_reasons: dict[str, int] = field(default_factory=dict)
    replaced: int = 0


def open_labeled(paths: Sequence[str], columns: Columns, **options: Any) -> Corpus:
    """Open files of examples."""
    return open_corpus(paths, errors=columns.errors, tell=columns.tell, **options)


def format_of(path: str, columns: Columns) -> str | None:
    """Format of a file; None when its name does not say it."""
    return columns.format or known_format(path)[0]


def label_and_texts(task: str, columns: Columns, label: str, texts: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Columns of the label and the texts, given or by default.

    Raises:
        UsageError: another number of texts than the task has.
    """
    chosen = columns.texts or texts
    if len(chosen) != len(texts):
        wanted = "two --text columns" if len(texts) == 2 else "one --text column"
        raise UsageError(f"--task {task} takes {wanted}, not {len(chosen)}", hint=f"--text {' --text '.join(texts)}")
    return columns.label or label, chosen


def labeled(task: str, examples: Iterable[Example | None], corpus: Corpus, no_words: int = 0) -> LabeledText:
    """The examples of a corpus that was read, without those that were skipped."""
    present = [example for example in examples if example is not None]
    return LabeledText(task, present, no_words, corpus.skip_reasons, corpus.replaced)


def unless_skipped(example: Callable[[], Example], columns: Columns, stats: ReadStats) -> Example | None:
    """An example; None for a bad one that is skipped and counted."""
    try:
        return example()
    except BadRecordError as error:
        if columns.errors != "skip":
            raise
        stats.skip(error.place, error.reason)
        return None


def is_number(column: str) -> bool:
    """True for the number of a column."""
    return column.removeprefix("-").isdecimal()
