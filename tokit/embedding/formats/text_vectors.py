"""Base of the text formats: a word and its numbers on a line, after a header "words dimension" or without one.

A word may contain spaces (GloVe's 840B has ". . ."), so the numbers are the last fields of a line.
Nine digits give every 32-bit number back.
"""

from __future__ import annotations

from collections import Counter
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, ClassVar

from tokit.embedding.base import MAX_DIM
from tokit.embedding.formats.bad_rows import RowErrors
from tokit.embedding.formats.base import (
    BYTE_ORDER_MARK,
    ExportedVectors,
    ReadableFormat,
    VectorFile,
    WordVectors,
    WritableFormat,
)
from tokit.embedding.formats.source import HEAD_BYTES
from tokit.embedding.formats.text_reader import HEADER, NUMBER, TWO_NUMBERS, Header, TextReader
from tokit.embedding.formats.verification import verify_in_gensim
from tokit.errors import CorpusError
from tokit.progress import Progress

# Lines that the dimension is inferred from, when no header names it.
HEAD_LINES = 200
LONGEST_HEADER = 100


class TextVectors(ReadableFormat, WritableFormat):
    """Reader and writer of text, with a header or without.

    Attributes:
        headed: A first line of two integers is a header, and one is written.
    """

    headed: ClassVar[bool] = True

    @classmethod
    def read(cls, file: VectorFile) -> WordVectors:
        stream, errors = file.source.stream, RowErrors(file.errors)
        skip_byte_order_mark(stream, errors)
        header = read_header(file) if cls.headed else None
        dim = header.dim if header else file.dim or guessed_dim(stream, file.name)
        return TextReader(file, header, dim, errors).read()

    @classmethod
    def write(cls, exported: ExportedVectors, file: BinaryIO) -> None:
        if cls.headed:
            file.write(f"{len(exported.words)} {exported.dim}\n".encode())
        line = " %.9g" * exported.dim + "\n"
        for part in exported.parts():
            rows = exported.vectors[exported.ids[part]].tolist()
            words = exported.words[part]
            file.write("".join([word + line % tuple(row) for word, row in zip(words, rows, strict=True)]).encode())
            exported.tick(Progress("writing", part.stop, len(exported.words), "words"))

    @classmethod
    def verify(cls, exported: ExportedVectors, path: Path) -> tuple[str, ...]:
        return verify_in_gensim(exported, path, no_header=not cls.headed)


def skip_byte_order_mark(stream: BufferedReader, errors: RowErrors) -> None:
    """Skip a byte-order mark at the start, and note it."""
    if stream.peek(len(BYTE_ORDER_MARK)).startswith(BYTE_ORDER_MARK):
        stream.read(len(BYTE_ORDER_MARK))
        errors.notes.append("the byte-order mark at the start of the file was skipped")


def read_header(file: VectorFile) -> Header | None:
    """Read the header and leave the stream behind it; None, and nothing read, if the first line is not one.

    Raises:
        CorpusError: it promises more dimensions than vectors have.
    """
    stream = file.source.stream
    line, newline, _ = stream.peek(LONGEST_HEADER)[:LONGEST_HEADER].partition(b"\n")
    match = HEADER.fullmatch(line)
    if match is None or not int(match[2]):
        return None
    if int(match[2]) > MAX_DIM:
        raise CorpusError(
            f"{file.name}: its first line promises {int(match[2]):,} dimensions, more than {MAX_DIM:,}",
            hint="damaged? fetch it again; or name its --format",
        )
    stream.read(len(line + newline))
    return Header(int(match[1]), int(match[2]))


def guessed_dim(stream: BufferedReader, name: str) -> int:
    """Infer the dimension: the most common number of numbers on the first lines. Nothing is read.

    Raises:
        CorpusError: there are no numbers.
    """
    lines = stream.peek(HEAD_BYTES).split(b"\n")
    # The last line may be truncated; the first one may be a wrong header, which tells nothing where others do.
    whole = [line for line in (lines[:-1] or lines)[:HEAD_LINES] if line.strip()]
    rows = whole[1:] if len(whole) > 1 and TWO_NUMBERS.fullmatch(whole[0]) else whole
    dims = Counter(map(_trailing_numbers, rows))
    dim = dims.most_common(1)[0][0] if dims else 0
    if dim < 1:
        what = "no word and its numbers on a line" if dims else "the file is empty"
        raise CorpusError(f"{name}: {what}", hint="is it another --format?")
    return dim


def _trailing_numbers(line: bytes) -> int:
    """Count the numbers at the end of a line; the first field is the word, unless the line starts with a space."""
    fields = line.split()
    most = len(fields) - (not line[:1].isspace())
    return next((i for i, field in enumerate(reversed(fields)) if i >= most or not NUMBER.fullmatch(field)), most)
