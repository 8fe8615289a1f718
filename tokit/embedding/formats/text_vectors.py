"""Base of the text formats: a word and its numbers on a line, after a header "words dimension" or without one.

A word may contain spaces (GloVe's 840B has ". . ."), so the numbers are the last fields of a line.
Nine digits give every 32-bit number back.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, ClassVar

import numpy as np

from tokit.arrays import FloatArray
from tokit.embedding.formats.base import (
    ExportedVectors,
    ReadableFormat,
    VectorFile,
    WordVectors,
    WritableFormat,
    first_not_finite,
    not_utf8,
    shown,
)
from tokit.embedding.formats.verification import verify_in_gensim
from tokit.errors import CorpusError
from tokit.progress import Progress

BLOCK_BYTES = 1 << 23
# Lines that the dimension is inferred from, when no header names it.
HEAD_LINES = 200
HEADER = re.compile(rb"[ \t]*(\d{1,18})[ \t]+(\d{1,9})[ \t]*\r?\n?")
# A word does not end in such a field; a line with a number too many does.
DECIMAL = re.compile(rb"[-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d+)?")
NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of word2vec's formats: number of words and dimension."""

    words: int
    dim: int


@dataclass(slots=True)
class LineBlock:
    """Whole lines, each with a newline at its end.

    Attributes:
        data: The bytes.
        line: Number of the first line, from 1.
        byte: Offset in the file.
    """

    data: bytes
    line: int
    byte: int


class TextVectors(ReadableFormat, WritableFormat):
    """Reader and writer of text, with a header or without.

    Attributes:
        headed: A first line of two integers is a header, and one is written.
    """

    headed: ClassVar[bool] = True

    @classmethod
    def read(cls, file: VectorFile) -> WordVectors:
        with file.path.open("rb") as opened:
            header = read_header(opened) if cls.headed else None
            if header is None:
                opened.seek(0)
            dim = header.dim if header else file.dim or guessed_dim(opened, file.path)
            return _TextReader(file, opened, header, dim).read()

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


def read_header(file: BinaryIO) -> Header | None:
    """Read the header and leave the file behind it; None if the first line is not one."""
    match = HEADER.fullmatch(file.readline(100))
    return Header(int(match[1]), int(match[2])) if match and int(match[2]) else None


def guessed_dim(file: BinaryIO, path: Path) -> int:
    """Infer the dimension: the most common number of numbers on the first lines. The file position is restored.

    Raises:
        CorpusError: there are no numbers.
    """
    start = file.tell()
    dims = Counter(_trailing_numbers(line) for line in islice(file, HEAD_LINES) if line.strip())
    file.seek(start)
    dim = dims.most_common(1)[0][0] if dims else 0
    if dim < 1:
        what = "no word and its numbers on a line" if dims else "the file is empty"
        raise CorpusError(f"{path}: {what}", hint="is it another --format?")
    return dim


def _trailing_numbers(line: bytes) -> int:
    """Count the numbers at the end of a line; the first field is the word, unless the line starts with a space."""
    fields = line.split()
    most = len(fields) - (not line[:1].isspace())
    return next((i for i, field in enumerate(reversed(fields)) if i >= most or not NUMBER.fullmatch(field)), most)


def count_lines(file: BinaryIO) -> int:
    """Count the lines to the end, the last one with or without a newline. The file position is restored."""
    start, lines, last = file.tell(), 0, b"\n"
    while block := file.read(BLOCK_BYTES):
        lines += block.count(b"\n")
        last = block[-1:]
    file.seek(start)
    return lines + (last != b"\n")


class _TextReader:
    """One pass over a file, line by line."""

    def __init__(self, source: VectorFile, file: BinaryIO, header: Header | None, dim: int) -> None:
        self._source, self._file, self._header, self._dim = source, file, header, dim
        self._size = source.path.stat().st_size
        self._words: list[str] = []

    def read(self) -> WordVectors:
        expected = self._expected_rows()
        vectors = np.empty((expected, self._dim), dtype=np.float32)
        for block in self._blocks():
            words, rows = self._parse(block)
            done = len(self._words)
            if done + len(words) > expected:
                raise self._wrong_header(f"line {block.line + expected - done} is one more")
            vectors[done : done + len(words)] = rows
            self._words += words
            self._source.tick(Progress("reading", block.byte + len(block.data), self._size, "bytes"))
        if len(self._words) < expected:
            raise self._wrong_header(f"the file ends after {len(self._words):,}")
        return WordVectors(self._words, vectors)

    def _expected_rows(self) -> int:
        """Rows of the matrix, which is allocated once: as the header says, or the lines of the file."""
        if self._header is None:
            return count_lines(self._file)
        # A word, and for each number a space and a digit.
        if self._header.words * (2 * self._dim + 1) > self._size:
            raise self._wrong_header(f"the file is too small for that ({self._size:,} bytes)")
        return self._header.words

    def _wrong_header(self, what: str) -> CorpusError:
        header = self._header or Header(0, self._dim)
        return CorpusError(
            f"{self._source.path}: its first line promises {header.words:,} words of {header.dim:,} numbers; {what}",
            hint="truncated? fetch it again; or correct its first line",
        )

    def _blocks(self) -> Iterator[LineBlock]:
        line, byte = 1 + (self._header is not None), self._file.tell()
        rest = b""
        while block := self._file.read(BLOCK_BYTES):
            whole, newline, tail = block.rpartition(b"\n")
            if not newline:
                rest += block
                continue
            data = rest + whole + newline
            yield LineBlock(data, line, byte)
            line, byte, rest = line + data.count(b"\n"), byte + len(data), tail
        if rest:
            yield LineBlock(rest + b"\n", line, byte)

    def _parse(self, block: LineBlock) -> tuple[list[str], FloatArray]:
        lines = block.data.split(b"\n")[:-1]
        words: list[str] = []
        rows = np.empty((len(lines), self._dim), dtype=np.float32)
        byte = block.byte
        with np.errstate(over="ignore"):
            for i, line in enumerate(lines):
                where = f"{self._source.path}:{block.line + i}"
                word, numbers = self._fields(line, where)
                rows[i] = self._numbers(numbers, where)
                try:
                    words.append(word.decode("utf-8"))
                except UnicodeDecodeError as error:
                    raise not_utf8(f"{where}: byte {byte + error.start}") from error
                byte += len(line) + 1
        bad = first_not_finite(rows)
        if bad is not None:
            raise CorpusError(
                f"{self._source.path}:{block.line + bad}: a number is not finite", hint="correct or remove the line"
            )
        return words, rows

    def _fields(self, line: bytes, where: str) -> tuple[bytes, list[bytes]]:
        """Split a line into the word and its numbers, one a dimension.

        Raises:
            CorpusError: too few fields, or too many numbers.
        """
        fields = _split(line.rstrip(b" \t\r"))
        if len(fields) == self._dim + 1:
            return fields[0], fields[1:]
        if len(fields) <= self._dim:
            raise self._wrong_count(where, max(len(fields) - 1, 0), "truncated? fetch it again; or name its --format")
        if DECIMAL.fullmatch(fields[-self._dim - 1]):
            many = next((i for i, field in enumerate(reversed(fields)) if not NUMBER.fullmatch(field)), len(fields) - 1)
            raise self._wrong_count(where, many, "lines were joined? fetch it again; or name its --format")
        # The word is taken from the line, not joined from its fields: its inner white space is kept.
        end = len(re.sub(rb"([ \t]+[^ \t]+){%d}[ \t\r]*\Z" % self._dim, b"", line))
        return (line[:end] if end else fields[0]), fields[-self._dim :]

    def _numbers(self, fields: list[bytes], where: str) -> list[float]:
        try:
            numbers = list(map(float, fields))
        except ValueError:
            numbers = []
        # Python reads 1_000 too.
        if not numbers or b"_" in b"".join(fields):
            wrong = next(field for field in fields if b"_" in field or not _is_float(field))
            raise CorpusError(
                f"{where}: '{shown(wrong)}' is not a number", hint=f"a line is a word and {self._dim} numbers"
            )
        return numbers

    def _wrong_count(self, where: str, found: int, hint: str) -> CorpusError:
        if self._source.dim is not None and self._header is None:
            hint = f"leave out --dim {self._dim}; or {hint}"
        return CorpusError(f"{where}: {found:,} numbers, not {self._dim:,}", hint=hint)


def _split(line: bytes) -> list[bytes]:
    """Split at spaces and tabs only: the bytes of a word may be other white space of Python's."""
    if b"\t" in line or b"  " in line:
        return re.split(rb"[ \t]+", line)
    return line.split(b" ")


def _is_float(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
