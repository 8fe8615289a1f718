"""Labeled examples of records: JSON lines, CSV, TSV by the names of its columns, Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from tokit.arrays import Block, Record
from tokit.corpus.formats.columns import record_value
from tokit.corpus.labeled_text import (
    CLASSIFY,
    NAMES,
    NUMBERS,
    PAIRS,
    TOKENS,
    Columns,
    Example,
    LabeledText,
    format_of,
    label_and_texts,
    labeled,
    open_labeled,
    unless_skipped,
)
from tokit.errors import BadRecordError, UsageError


def read_records(paths: Sequence[str], columns: Columns) -> LabeledText:
    """Read the examples of records.

    Raises:
        UsageError: columns that do not fit the task, or none where there are more than it needs.
        CorpusError: a bad record, unless such are skipped; text that cannot be read.
    """
    task = columns.task or (PAIRS if len(columns.texts) > 1 else CLASSIFY)
    if task == TOKENS:
        raise UsageError("--task tokens reads columns without names", hint="--text 1 --label 2, of lines with tabs")
    label, texts = label_and_texts(task, columns, *(NAMES if columns.header else NUMBERS)[task])
    format_ = columns.format or ("tsv" if all(format_of(path, columns) in (None, "text") for path in paths) else None)
    corpus = open_labeled(
        paths,
        columns,
        format=format_,
        field=texts[0],
        field_option="--text",
        keep_records=True,
        header=columns.header,
    )
    examples = []
    for source in corpus.sources:
        for number, record in enumerate(_records(source.blocks()), 1):
            place = f"{source.name}: record {number}"
            if number == 1 and not columns.header:
                _check_default_columns(place, task, columns, len(record))
            values = partial(_example_of, place, record, label, texts, is_table=source.is_table)
            examples.append(unless_skipped(values, columns, source.stats))
    return labeled(task, examples, corpus)


def _check_default_columns(place: str, task: str, columns: Columns, cells: int) -> None:
    """Refuse to guess the columns of a table without a header that has more of them than a task needs.

    Raises:
        UsageError: it has, and none are named.
    """
    if columns.label is None and not columns.texts and cells != (3 if task == PAIRS else 2):
        raise UsageError(f"{place}: {cells} columns, and none is named", hint="--label 1 --text 3")


def _example_of(place: str, record: Record, label: str, texts: tuple[str, ...], *, is_table: bool) -> Example:
    found = tuple(_value(place, record, name, "--text", is_table=is_table) for name in texts)
    return Example(found, (_value(place, record, label, "--label", is_table=is_table),))


def _records(blocks: Iterable[Block]) -> Iterator[Record]:
    for block in blocks:
        yield from block.records or ()


def _value(place: str, record: Record, name: str, option: str, *, is_table: bool) -> str:
    value = record_value(place, record, name, option, is_table=is_table)
    text = "" if value is None else str(value)
    if not text.strip():
        hint = "remove the record, or fill it"
        raise BadRecordError(place, f"its field '{name}' is empty", "empty label or text", hint=hint)
    return text
