"""CSV and TSV: a header, then one record a row; a quoted cell may hold delimiters and line ends."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import partial

from tokit.arrays import Block
from tokit.corpus.byte_stream import ByteStream, ReadStats
from tokit.corpus.formats.base import Reader, ReadOptions, parsing
from tokit.corpus.formats.records import BOM, RECORD_ROOM, Collector, missing_field
from tokit.corpus.formats.text import TextChunk, not_utf8_in, whole_lines
from tokit.corpus.utf8 import find_invalid, has_surrogates
from tokit.errors import CorpusError


class DecodedLines:
    """Decoded lines of a stream for `csv.reader`, with their line ends, which may be inside cells.

    Args:
        stream: Read to its end.
        options: With `errors="strict"` a bad byte raises; else it becomes a surrogate until its row is known.

    Attributes:
        drained: All lines that have arrived were returned; the next one may have to be waited for.
        damaged: There were bad bytes.
    """

    def __init__(self, stream: ByteStream, options: ReadOptions) -> None:
        self.drained = False
        self.damaged = False
        self._stream = stream
        self._strict = options.errors == "strict"
        self._lines = self._read(whole_lines(stream, options.block_bytes, options.max_document + RECORD_ROOM))

    def __iter__(self) -> Iterator[str]:
        return self._lines

    def _read(self, chunks: Iterator[TextChunk]) -> Iterator[str]:
        for chunk in chunks:
            # With newline="" a lone carriage return ends a row too, as the csv module asks for.
            lines = list(io.StringIO(self._decoded(chunk), newline=""))
            yield from lines[:-1]
            self.drained = True
            yield from lines[-1:]
            self.drained = False

    def _decoded(self, chunk: TextChunk) -> str:
        invalid = find_invalid(chunk.data)
        if invalid >= 0 and self._strict:
            raise not_utf8_in(self._stream, chunk, invalid)
        self.damaged = self.damaged or invalid >= 0
        data = chunk.data.removeprefix(BOM) if chunk.line == 1 else chunk.data
        return data.decode("utf-8", "surrogateescape")


def read_delimited(stream: ByteStream, options: ReadOptions, stats: ReadStats, *, delimiter: str) -> Iterator[Block]:
    """Blocks of a CSV or TSV source."""
    # The limit belongs to the whole process, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), options.max_document))
    lines = DecodedLines(stream, options)
    # Without strict, the csv module silently takes all that follows an open quote as one cell.
    rows = _rows(csv.reader(iter(lines), delimiter=delimiter, strict=True), stream.name)
    header = [_repaired(cell) for cell in next(rows, ("", []))[1]]
    column = _column(stream.name, header, options.field) if header else 0
    collector = Collector(options, stats)
    for place, row in rows:
        cells = _checked(place, row, header)
        damaged = lines.damaged and any(map(has_surrogates, cells))
        cells = [_repaired(cell) for cell in cells] if damaged else cells
        record = dict(zip(header, cells, strict=True)) if options.keep_records else {}
        collector.add(place, cells[column], record, damaged=damaged)
        if lines.drained or collector.full:
            yield from collector.take()
    yield from collector.take()


def _rows(reader: Iterator[list[str]], name: str) -> Iterator[tuple[str, list[str]]]:
    """Rows that are not empty, each with its file and first line."""
    while True:
        place = f"{name}:{reader.line_num + 1}"  # type: ignore[attr-defined]  # csv's class has no public name
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise CorpusError(
                f"{place}: {error}",
                hint='a cell that holds a quote is written "…""…", and every quote must be closed',
            ) from error
        if row is None:
            return
        if row:
            yield place, row


def _column(name: str, header: list[str], field: str) -> int:
    if field not in header:
        raise missing_field(f"{name}:1", field, header)
    if header.count(field) > 1:
        raise CorpusError(f"{name}:1: {header.count(field)} columns are called '{field}'", hint="rename all but one")
    return header.index(field)


def _checked(place: str, row: list[str], header: list[str]) -> list[str]:
    if len(row) != len(header):
        raise CorpusError(
            f"{place}: {len(row)} cells where the header has {len(header)}",
            hint="a cell that holds the delimiter or a line end must be quoted",
        )
    return row


def _repaired(cell: str) -> str:
    return cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


CSV = Reader(parsing(partial(read_delimited, delimiter=",")), option="field")
TSV = Reader(parsing(partial(read_delimited, delimiter="\t")), option="field")
