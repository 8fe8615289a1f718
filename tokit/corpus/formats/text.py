"""Plain text: a document is a line, a run of lines between empty ones, or the whole file.

Only a newline byte ends a line. Carriage returns, NUL and a byte-order mark are content, so that text can be written
back byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import NamedTuple, TypeAlias

import numpy as np

from tokit.arrays import Block
from tokit.corpus.byte_stream import ByteStream, ReadStats
from tokit.corpus.formats.base import RawBlock, Reader, ReadOptions
from tokit.corpus.utf8 import find_invalid, not_utf8, repair
from tokit.errors import BadRecordError, CorpusError
from tokit.kernels.compiled.loader import kernel, kernel_pays_off

TOO_LONG = "too long"
Span: TypeAlias = tuple[int, int]


class TextChunk(NamedTuple):
    """Raw bytes of whole documents: the number of their first line, from 1, and the number of newlines."""

    line: int
    data: bytes
    newlines: int


class DocumentEnds(NamedTuple):
    """Functions for the ends of the first and of the last document that ends in a piece; 0 when none does."""

    first: Callable[[bytes], int]
    last: Callable[[bytes], int]


@dataclass(frozen=True, slots=True)
class DocumentUnit:
    """A kind of document boundary.

    Attributes:
        chunks: Splits a stream between documents.
        spans: Start and end of each document of a chunk.
    """

    chunks: Callable[[ByteStream, int, int], Iterator[TextChunk]]
    spans: Callable[[bytes], list[Span]]


def read_text(stream: ByteStream, options: ReadOptions, stats: ReadStats) -> Iterator[RawBlock]:
    """Raw blocks of a text source; parsing one checks its bytes and splits it into documents."""
    unit = UNITS[options.unit]
    for chunk in unit.chunks(stream, options.block_bytes, options.max_document):
        yield RawBlock(len(chunk.data), partial(_block, chunk, stream, options, stats))


def _block(chunk: TextChunk, stream: ByteStream, options: ReadOptions, stats: ReadStats) -> Block:
    """The documents of a chunk.

    Raises:
        CorpusError: bytes are not UTF-8, or a document is too long.
    """
    unit = UNITS[options.unit]
    open_end = options.unit == "file" or not chunk.data.endswith(b"\n")
    long = len(chunk.data) > options.max_document
    lines = _line_block(chunk, open_end) if options.unit == "line" and not long else None
    if lines is not None:
        return lines
    invalid = find_invalid(chunk.data)
    if invalid >= 0 and options.errors == "strict":
        raise not_utf8_in(stream, chunk, invalid)
    if long and options.errors != "skip":
        _check_lengths(stream, chunk, unit, options.max_document)
    spans = unit.spans(chunk.data)
    if options.errors == "skip" and long:
        spans = _short_enough(spans, chunk, stream, options.max_document, stats)
    documents = [chunk.data[start:end] for start, end in spans]
    if invalid >= 0:
        repaired = repair(documents, options.errors, stats, partial(_place, chunk, stream, spans))
        documents = [document for document in repaired if document is not None]
    return Block.of(documents, open_end=open_end)


def _line_block(chunk: TextChunk, open_end: bool) -> Block | None:
    """The lines of a chunk, by a kernel or by NumPy; None when it is not UTF-8."""
    data = chunk.data
    if kernel_pays_off("split_lines", len(data)):
        return _line_block_by_kernel(data, chunk.newlines, open_end)
    if find_invalid(data) >= 0:
        return None
    newlines = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == 10)
    ends = newlines - np.arange(len(newlines), dtype=np.int64)
    if open_end:
        ends = np.append(ends, len(data) - len(newlines))
    return Block(np.frombuffer(data.replace(b"\n", b""), dtype=np.uint8), ends.astype(np.int64, copy=False), open_end)


def _line_block_by_kernel(data: bytes, newlines: int, open_end: bool) -> Block | None:
    raw = np.frombuffer(data, dtype=np.uint8)
    text = np.empty(len(raw) - newlines, dtype=np.uint8)
    ends = np.empty(newlines + open_end, dtype=np.int64)
    if kernel("split_lines")(raw, len(raw), text, ends) < 0:
        return None
    if open_end:
        ends[-1] = len(text)
    return Block(text, ends, open_end)


def not_utf8_in(stream: ByteStream, chunk: TextChunk, position: int) -> CorpusError:
    """The error for the bad byte at a position of a chunk."""
    line = chunk.line + chunk.data.count(b"\n", 0, position)
    offset = position - chunk.data.rfind(b"\n", 0, position) - 1
    return not_utf8(stream, f"{stream.name}:{line}", chunk.data[position], f"offset {offset} of the line")


def _check_lengths(stream: ByteStream, chunk: TextChunk, unit: DocumentUnit, limit: int) -> None:
    for start, end in unit.spans(chunk.data):
        if end - start > limit:
            raise too_long(stream, chunk.line + chunk.data.count(b"\n", 0, start), limit)


def _place(chunk: TextChunk, stream: ByteStream, spans: Sequence[Span], number: int) -> str:
    line = chunk.line + chunk.data.count(b"\n", 0, spans[number][0])
    return f"{stream.name}:{line}"


def _short_enough(spans: list[Span], chunk: TextChunk, stream: ByteStream, limit: int, stats: ReadStats) -> list[Span]:
    for number, (start, end) in enumerate(spans):
        if end - start > limit:
            stats.skip(_place(chunk, stream, spans, number), TOO_LONG)
    return [(start, end) for start, end in spans if end - start <= limit]


def too_long(stream: ByteStream, line: int, limit: int) -> BadRecordError:
    """The error for a document past the limit."""
    return BadRecordError(
        f"{stream.name}:{line}",
        f"the document is longer than {limit:,} bytes",
        TOO_LONG,
        hint="raise --max-document, or split the text into more lines",
    )


def whole_lines(stream: ByteStream, size: int, limit: int) -> Iterator[TextChunk]:
    """Split a stream after newlines; only the last chunk may lack one.

    Args:
        stream: Read to its end.
        size: Approximate size of a chunk, in bytes; a longer line is a chunk alone.
        limit: Length limit of a line, in bytes.

    Raises:
        CorpusError: a line is longer than the limit; it is not read to its end.
    """
    return _gather(stream, iter(lambda: stream.read(size), b""), LINES, size=size, limit=limit)


def whole_paragraphs(stream: ByteStream, size: int, limit: int) -> Iterator[TextChunk]:
    """Split a stream after empty lines; otherwise as `whole_lines`."""
    lines = (_without_last_return(chunk.data) for chunk in whole_lines(stream, size, limit))
    return _gather(stream, lines, GAPS, size=size, limit=limit)


def whole_file(stream: ByteStream, size: int, limit: int) -> Iterator[TextChunk]:
    """All of a stream as one chunk, or none when it is empty."""
    pieces: list[bytes] = []
    total = 0
    while piece := stream.read(size):
        pieces.append(piece)
        total += len(piece)
        if total > limit:
            raise too_long(stream, 1, limit)
    if pieces:
        data = b"".join(pieces)
        yield TextChunk(1, data, _count_newlines(data))


def _gather(
    stream: ByteStream, pieces: Iterator[bytes], ends: DocumentEnds, *, size: int, limit: int
) -> Iterator[TextChunk]:
    """Join pieces and split them where documents end.

    Pieces of an unfinished document are joined only at its end, so that a huge one costs linear time.
    """
    line = 1
    carry: list[bytes] = []
    carried = 0
    for piece in pieces:
        cut = ends.last(piece)
        # A document bigger than a block is a block alone.
        head = ends.first(piece) if carried and cut else 0
        head = head if carried + head > size else 0
        for start, end in ((0, head), (head, cut)):
            if end > start:
                data = b"".join([*carry, memoryview(piece)[start:end]])
                newlines = _count_newlines(data)
                yield TextChunk(line, data, newlines)
                line += newlines
                carry, carried = [], 0
        if cut < len(piece):
            carry.append(piece[cut:])
            carried += len(piece) - cut
        # One more for the newline that a carried paragraph still has.
        if carried > limit + 1:
            raise too_long(stream, line, limit)
    if carry:
        data = b"".join(carry)
        yield TextChunk(line, data, _count_newlines(data))


def _count_newlines(data: bytes) -> int:
    # NumPy counts the short lines of usual text several times as fast as Python.
    return int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == 10))


def _first_line(piece: bytes) -> int:
    return piece.find(b"\n") + 1


def _last_line(piece: bytes) -> int:
    return piece.rfind(b"\n") + 1


# Pieces start at a line, so a gap at their start is an empty line too.
_EMPTY_LINES = re.compile(rb"(?:\r?\n)+")
# A pattern that starts with a plain byte is searched for ten times as fast.
_GAP = re.compile(rb"\n(?:\r?\n)+")


def _first_gap(piece: bytes) -> int:
    found = _EMPTY_LINES.match(piece) or _GAP.search(piece)
    return found.end() if found else 0


def _last_gap(piece: bytes) -> int:
    ends = (piece.rfind(gap) + len(gap) for gap in (b"\n\n", b"\n\r\n") if gap in piece)
    starts = (len(gap) for gap in (b"\n", b"\r\n") if piece.startswith(gap))
    return max(chain(ends, starts), default=0)


def _without_last_return(data: bytes) -> bytes:
    """Lines without a last line that is a carriage return and no newline: it is empty too."""
    return data[:-1] if data == b"\r" or data.endswith(b"\n\r") else data


LINES = DocumentEnds(_first_line, _last_line)
GAPS = DocumentEnds(_first_gap, _last_gap)


def _line_spans(data: bytes) -> list[Span]:
    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == 10).tolist()
    if not data.endswith(b"\n"):
        ends.append(len(data))
    return list(zip([0, *(end + 1 for end in ends[:-1])], ends, strict=True))


def _paragraph_spans(data: bytes) -> list[Span]:
    leading = _EMPTY_LINES.match(data)
    first = leading.end() if leading else 0
    gaps = [gap.span() for gap in _GAP.finditer(data, first)]
    starts = [first, *(end for _, end in gaps)]
    ends = [*(start for start, _ in gaps), len(data) - data.endswith(b"\n")]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if end > start]


def _file_span(data: bytes) -> list[Span]:
    return [(0, len(data))]


UNITS = {
    "line": DocumentUnit(whole_lines, _line_spans),
    "file": DocumentUnit(whole_file, _file_span),
    "blank": DocumentUnit(whole_paragraphs, _paragraph_spans),
}

TEXT = Reader(read_text, option="unit")
