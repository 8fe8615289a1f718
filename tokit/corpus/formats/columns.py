"""Columns of CSV and TSV: by the name of the header, or by number from 1 on, from -1 for the last one down."""

from __future__ import annotations

from typing import Any

from tokit.arrays import Record
from tokit.corpus.byte_stream import ReadStats
from tokit.corpus.formats.base import ReadOptions
from tokit.corpus.formats.records import missing_field
from tokit.corpus.nested import ABSENT, text_paths, value_at
from tokit.errors import BadRecordError, CorpusError


def find_column(place: str, header: list[str], field: str, option: str = "--field") -> int:
    """Index of a column.

    Args:
        place: File and line of the header.
        header: Names of the columns.
        field: The name or number of one.
        option: The option that gave it, for hints.

    Raises:
        CorpusError: there is no such column, or the field may mean two of them.
    """
    number = int(field) if field.removeprefix("-").isdecimal() else 0
    by_number = 1 <= abs(number) <= len(header)
    if field in header:
        index = header.index(field)
        if header.count(field) > 1:
            raise CorpusError(f"{place}: {header.count(field)} columns are called '{field}'", hint="rename all but one")
        if by_number and number % (len(header) + (number > 0)) - (number > 0) != index:
            raise CorpusError(
                f"{place}: '{field}' is the name of column {index + 1} and the number of another",
                hint="where the first row names no columns: --no-header",
            )
        return index
    if by_number:
        return number - 1 if number > 0 else len(header) + number
    raise missing_field(place, field, header, option)


def text_column(place: str, header: list[str], options: ReadOptions, stats: ReadStats) -> int:
    """Index of the column of the texts; says when a number found it, as then the first row may be a record.

    Raises:
        CorpusError: there is no such column, or the header names two columns alike.
    """
    if options.keep_records:
        check_names(place, header)
    column = find_column(place, header, options.field, options.field_option)
    if options.header and options.field != header[column]:
        message = f"{place}: column {options.field} is called '{header[column]}'"
        stats.note("column", f"{message}; where the first row names no columns: --no-header")
    return column


def check_names(place: str, header: list[str]) -> None:
    """Refuse a header that names two columns alike: a record would hold one of them only.

    Raises:
        CorpusError: it does.
    """
    for name in header:
        if header.count(name) > 1:
            raise CorpusError(f"{place}: {header.count(name)} columns are called '{name}'", hint="rename all but one")


def record_value(place: str, record: Record, column: str, option: str, *, is_table: bool) -> Any:
    """The value of a record in a column, which has a number too where the record is of CSV or TSV.

    Raises:
        BadRecordError: the record has no such column.
        CorpusError: the column may be one of two.
    """
    names = list(record)
    if is_table:
        return record[names[find_column(place, names, column, option)]]
    value = value_at(record, column)
    if value is ABSENT:
        raise missing_field(place, column, list(dict.fromkeys([*names, *text_paths(record)])), option)
    return value


def with_numbers(header: list[str]) -> list[str]:
    """The header with numbers for columns without a name, which a record could not hold apart."""
    return [name or str(number) for number, name in enumerate(header, 1)]


def numbered(cells: list[str]) -> list[str]:
    """Names of the columns of a row without a header: their numbers."""
    return [str(number) for number in range(1, len(cells) + 1)]


def check_width(place: str, cells: int, expected: int, hint: str) -> BadRecordError:
    """The error for a row of another length."""
    return BadRecordError(place, f"{cells} cells where the header has {expected}", "row of another length", hint=hint)
