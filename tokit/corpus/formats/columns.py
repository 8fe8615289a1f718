"""Columns of CSV and TSV: by the name of the header, or by number from 1 on, from -1 for the last one down."""

from __future__ import annotations

from tokit.corpus.formats.records import missing_field
from tokit.errors import BadRecordError, CorpusError


def find_column(place: str, header: list[str], field: str) -> int:
    """Index of a column.

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
    raise missing_field(place, field, header)


def numbered(cells: list[str]) -> list[str]:
    """Names of the columns of a row without a header: their numbers."""
    return [str(number) for number in range(1, len(cells) + 1)]


def check_width(place: str, cells: int, expected: int, hint: str) -> BadRecordError:
    """The error for a row of another length."""
    return BadRecordError(place, f"{cells} cells where the header has {expected}", "row of another length", hint=hint)
