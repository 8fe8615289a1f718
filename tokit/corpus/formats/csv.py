"""CSV: a header, then one record a row; a quoted cell may hold delimiters and line ends."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import partial
from itertools import chain

from tokit.arrays import Block
from tokit.corpus.byte_stream import ByteStream, ReadStats
from tokit.corpus.formats.base import Reader, ReadOptions, parsing
from tokit.corpus.formats.columns import check_width, numbered, text_column, with_numbers
from tokit.corpus.formats.records import BOM, RECORD_ROOM, Collector
from tokit.corpus.formats.text import TextChunk, not_utf8_in, whole_lines
from tokit.corpus.utf8 import find_invalid, has_surrogates
from tokit.errors import BadRecordError


class DecodedLines:
    """Decoded lines of a stream for `csv.reader`, with their line ends, which may be inside cells.

    Args:
        stream: Read to its end.
        options: With `errors="strict"` a bad byte raises; else it becomes a surrogate until its row is known.

    Attributes:
        drained: All lines that have arrived were returned; the next one may have to be waited for.
        damaged: There were bad bytes.
        row: Lines of the row that is being read, where bad rows are skipped.
    """

    def __init__(self, stream: ByteStream, options: ReadOptions) -> None:
        self.drained = False
        self.damaged = False
        self.row: list[str] = []
        self._again: list[str] = []
        self._stream = stream
        self._strict = options.errors == "strict"
        self._lines = self._read(whole_lines(stream, options.block_bytes, options.max_document + RECORD_ROOM))

    def __iter__(self) -> Iterator[str]:
        return self._lines

    def remembered(self) -> RememberedLines:
        """The same lines, where a row that is broken can be read again from its second line on."""
        return RememberedLines(self)

    def next_line(self) -> str:
        """The next line, which is kept in `row`; StopIteration at the end, until lines are put back."""
        line = self._again.pop() if self._again else next(self._lines)
        self.row.append(line)
        return line

    def retry(self) -> int:
        """Put all but the first line of the row back, as a quote that never closes takes in good rows; their number."""
        rest = self.row[1:]
        self._again.extend(reversed(rest))
        self.row.clear()
        return len(rest)

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


class RememberedLines:
    """An iterator that continues after its end when lines are put back, as a generator does not."""

    def __init__(self, lines: DecodedLines) -> None:
        self._lines = lines

    def __iter__(self) -> RememberedLines:
        return self

    def __next__(self) -> str:
        return self._lines.next_line()


def read_delimited(stream: ByteStream, options: ReadOptions, stats: ReadStats, *, delimiter: str) -> Iterator[Block]:
    """Blocks of a source with quoted cells."""
    # The limit belongs to the whole process, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), options.max_document))
    lines = DecodedLines(stream, options)
    collector = Collector(options, stats)
    rows = _rows(lines, collector, stream.name, delimiter, options)
    first = next(rows, None)
    header = with_numbers([_repaired(cell) for cell in first[1]]) if first else []
    if first and not options.header:
        header, rows = numbered(header), chain([first], rows)
    column = text_column(f"{stream.name}:1", header, options, stats) if header else 0
    for place, row in rows:
        if len(row) != len(header):
            hint = "a cell that holds the delimiter or a line end must be quoted"
            collector.refuse(check_width(place, len(row), len(header), hint))
            continue
        damaged = lines.damaged and any(map(has_surrogates, row))
        cells = [_repaired(cell) for cell in row] if damaged else row
        record = dict(zip(header, cells, strict=True)) if options.keep_records else {}
        collector.add(place, cells[column], record, damaged=damaged)
        if lines.drained or collector.full:
            yield from collector.take()
    yield from collector.take()


def _rows(
    lines: DecodedLines, collector: Collector, name: str, delimiter: str, options: ReadOptions
) -> Iterator[tuple[str, list[str]]]:
    """Rows that are not empty, each with its file and first line."""
    skip = options.errors == "skip"
    # Without strict, the csv module silently takes all that follows an open quote as one cell.
    reader = csv.reader(lines.remembered() if skip else iter(lines), delimiter=delimiter, strict=True)
    repeated = 0
    while True:
        place = f"{name}:{reader.line_num + 1 - repeated}"
        lines.row.clear()
        try:
            row = next(reader, None)
        except csv.Error as error:
            collector.refuse(_bad_row(place, error))
            repeated += lines.retry()
            continue
        if row is None:
            return
        if row:
            yield place, row


def _bad_row(place: str, error: csv.Error) -> BadRecordError:
    if "larger than field limit" in str(error):
        return BadRecordError(place, str(error), "too long", hint="raise --max-document")
    hint = 'a cell that holds a quote is written "…""…", and every quote must be closed'
    bad = BadRecordError(place, str(error), "bad quoting", hint=hint)
    bad.__cause__ = error
    return bad


def _repaired(cell: str) -> str:
    return cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


CSV = Reader(parsing(partial(read_delimited, delimiter=",")), option="field", has_header=True)
QUOTED_TSV = Reader(parsing(partial(read_delimited, delimiter="\t")), option="field", has_header=True)
