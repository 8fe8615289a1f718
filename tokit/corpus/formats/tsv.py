"""TSV: a header, then one record a line; cells have no quotes, and hold neither tab nor newline.

https://www.iana.org/assignments/media-types/text/tab-separated-values
"""

from __future__ import annotations

from collections.abc import Iterator

from tokit.arrays import Block
from tokit.corpus.byte_stream import ByteStream, ReadStats
from tokit.corpus.formats.base import Reader, ReadOptions, parsing
from tokit.corpus.formats.columns import check_width, numbered, text_column, with_numbers
from tokit.corpus.formats.records import BOM, RECORD_ROOM, Collector
from tokit.corpus.formats.text import whole_lines
from tokit.corpus.utf8 import find_invalid, not_utf8

WIDTH_HINT = "cells hold no tab; where quotes enclose cells, pass --format tsv-quoted"

QUOTES_NOTE = "quotes around a cell of TSV are content; where they enclose cells, pass --format tsv-quoted"


class TsvRows:
    """Adds the lines of a TSV source to a collector.

    Args:
        stream: The source, for messages.
        options: Of reading.
        collector: Takes the documents.
        stats: Takes notes.
    """

    def __init__(self, stream: ByteStream, options: ReadOptions, collector: Collector, stats: ReadStats) -> None:
        self._stream = stream
        self._options = options
        self._collector = collector
        self._stats = stats
        self._quoted = False
        self._header: list[str] = []
        self._column = 0
        self._end = b""

    def add(self, line: int, raw: bytes) -> None:
        """Add a line, of which the first is the header."""
        if not self._header:
            raw = raw.removeprefix(BOM)
            self._read_header(f"{self._stream.name}:{line}", raw)
            if self._options.header:
                return
        if content := raw.removesuffix(self._end):
            self._add_row(f"{self._stream.name}:{line}", content)

    def _read_header(self, place: str, raw: bytes) -> None:
        # Lines that end as in Windows; elsewhere a carriage return is content.
        self._end = b"\r" if raw.endswith(b"\r") else b""
        cells = _decoded(raw.removesuffix(self._end)).split("\t")
        self._header = with_numbers(cells) if self._options.header else numbered(cells)
        self._column = text_column(place, self._header, self._options, self._stats)

    def _add_row(self, place: str, raw: bytes) -> None:
        invalid = find_invalid(raw)
        if invalid >= 0 and self._options.errors == "strict":
            raise not_utf8(self._stream, place, raw[invalid], f"offset {invalid} of the line")
        cells = _decoded(raw).split("\t")
        if len(cells) != len(self._header):
            self._collector.refuse(check_width(place, len(cells), len(self._header), WIDTH_HINT))
            return
        self._say_of_quotes(place, cells)
        record = dict(zip(self._header, cells, strict=True)) if self._options.keep_records else {}
        self._collector.add(place, cells[self._column], record, damaged=invalid >= 0)

    def _say_of_quotes(self, place: str, cells: list[str]) -> None:
        """Say once that quotes are content, where a cell looks like one that quotes enclose."""
        text = cells[self._column]
        if not self._quoted and len(text) > 1 and text[0] == text[-1] == '"':
            self._quoted = True
            self._stats.note("quotes", f"{place}: {QUOTES_NOTE}")


def read_tsv(stream: ByteStream, options: ReadOptions, stats: ReadStats) -> Iterator[Block]:
    """Blocks of a TSV source; a carriage return is content, unless the header ends in one too."""
    collector = Collector(options, stats)
    rows = TsvRows(stream, options, collector, stats)
    for chunk in whole_lines(stream, options.block_bytes, options.max_document + RECORD_ROOM):
        for line, raw in enumerate(chunk.data.removesuffix(b"\n").split(b"\n"), start=chunk.line):
            rows.add(line, raw)
        yield from collector.take()


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


TSV = Reader(parsing(read_tsv), option="field", has_header=True)
