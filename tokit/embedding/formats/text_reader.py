"""Reader of the text formats: one pass over the lines, front to back, so that it works on a pipe.

A word may contain spaces (GloVe's 840B has ". . ."), so the numbers are the last fields of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tokit.arrays import FloatArray
from tokit.embedding.formats.bad_rows import (
    EMPTY_LINE,
    NO_HEADER,
    NOT_A_NUMBER,
    SKIP_HINT,
    WRONG_LENGTH,
    BadRowError,
    RowErrors,
    not_utf8,
    shown,
)
from tokit.embedding.formats.base import VectorFile, WordVectors, finite_rows
from tokit.errors import CorpusError

BLOCK_BYTES = 1 << 23
HEADER = re.compile(rb"[ \t]*(\d{1,18})[ \t]+(\d{1,9})[ \t]*\r?\n?")
# A first line of two numbers is meant as a header: vectors of one dimension, the first of them of a number, are none.
_FIGURE = rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
TWO_NUMBERS = re.compile(rb"[ \t]*" + _FIGURE + rb"[,;]?[ \t]+" + _FIGURE + rb"[ \t]*\r?")
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
    """Whole lines.

    Attributes:
        lines: Without the newline at their end.
        line: Number of the first line, from 1.
    """

    lines: list[bytes]
    line: int


class TextReader:
    """One pass over a file, line by line.

    Args:
        source: The file, its stream behind the header.
        header: What its first line promises, if it is a header.
        dim: Dimension of the vectors.
        errors: What happens to bad rows.
    """

    def __init__(self, source: VectorFile, header: Header | None, dim: int, errors: RowErrors) -> None:
        self._source, self._header, self._dim, self._errors = source, header, dim, errors
        self._words: list[str] = []
        self._rows = 0
        # Empty lines that no row has followed yet: at the end of the file they are none.
        self._empty: list[int] = []

    def read(self) -> WordVectors:
        """Read rows to the end of the file, or to the limit.

        Raises:
            CorpusError: a bad row, unless such rows are skipped.
        """
        parts: list[FloatArray] = []
        for block in self._blocks():
            parts.append(self._parse(block))
            self._source.tick(self._source.source.progress())
        self._check_header()
        vectors = np.concatenate(parts) if parts else np.empty((0, self._dim), dtype=np.float32)
        return WordVectors(self._words, vectors, bad=self._errors.bad())

    def _check_header(self) -> None:
        header, limit = self._header, self._source.limit
        found = self._rows - len(self._empty)
        if header is None or found == header.words or (limit is not None and self._rows >= limit):
            return
        self._errors.wrong_header(self._source.name, header.words, found)

    def _blocks(self) -> Iterator[LineBlock]:
        """Blocks of lines, at most as many as the limit."""
        stream = self._source.source.stream
        line, rest = 1 + (self._header is not None), b""
        while block := stream.read(BLOCK_BYTES):
            whole, newline, tail = block.rpartition(b"\n")
            if not newline:
                rest += block
                continue
            lines = (rest + whole).split(b"\n")
            yield LineBlock(self._up_to_limit(lines), line)
            if self._reached_limit():
                return
            line, rest = line + len(lines), tail
        if rest:
            yield LineBlock(self._up_to_limit([rest]), line)

    def _up_to_limit(self, lines: list[bytes]) -> list[bytes]:
        limit = self._source.limit
        return lines if limit is None else lines[: limit - self._rows]

    def _reached_limit(self) -> bool:
        return self._source.limit is not None and self._rows >= self._source.limit

    def _parse(self, block: LineBlock) -> FloatArray:
        rows = np.empty((len(block.lines), self._dim), dtype=np.float32)
        row_lines: list[int] = []
        words: list[str] = []
        with np.errstate(over="ignore"):
            for i, line in enumerate(block.lines):
                try:
                    self._refuse_two_numbers(line, block.line + i)
                    word, fields = self._fields(line)
                    rows[len(row_lines)] = self._numbers(fields)
                except BadRowError as bad:
                    self._reject(bad, block.line + i)
                    continue
                try:
                    words.append(word.decode("utf-8"))
                except UnicodeDecodeError:
                    repaired = self._repaired(block, i, word)
                    if repaired is None:
                        continue
                    words.append(repaired)
                row_lines.append(block.line + i)
        self._count(block, row_lines)
        return self._finite(rows[: len(row_lines)], words, row_lines)

    def _count(self, block: LineBlock, row_lines: list[int]) -> None:
        """Count rows; an empty line with a row behind it is a bad one."""
        if self._empty and row_lines and row_lines[-1] > self._empty[0]:
            inner = [line for line in self._empty if line < row_lines[-1]]
            self._empty = self._empty[len(inner) :]
            for line in inner:
                where = f"{self._source.name}:{line}: an empty line"
                self._errors.reject(EMPTY_LINE, f"line {line}", lambda where=where: CorpusError(where, hint=SKIP_HINT))  # type: ignore[misc]
        self._rows += len(block.lines)

    def _finite(self, rows: FloatArray, words: list[str], lines: list[int]) -> FloatArray:
        finite = finite_rows(rows)
        if finite.all():
            self._words += words
            return rows
        for i in np.flatnonzero(~finite).tolist():
            self._errors.not_finite(f"{self._source.name}:{lines[i]}", f"line {lines[i]}", CorpusError)
        self._words += [word for word, sound in zip(words, finite.tolist(), strict=True) if sound]
        return rows[finite]

    def _reject(self, bad: BadRowError, line: int) -> None:
        if bad.reason == EMPTY_LINE:
            self._empty.append(line)
            return
        error = CorpusError(f"{self._source.name}:{line}: {bad.message}", hint=f"{bad.hint}; {SKIP_HINT}")
        self._errors.reject(bad.reason, f"line {line}", lambda: error)

    def _repaired(self, block: LineBlock, i: int, word: bytes) -> str | None:
        """A word that is not UTF-8, repaired; None if its row is skipped.

        Raises:
            CorpusError: neither is asked for.
        """

        def error(broken: UnicodeDecodeError) -> CorpusError:
            # A word begins its line.
            where = f"{self._source.name}:{block.line + i}: byte {broken.start} of the word '{shown(word)}'"
            return not_utf8(where, (line.partition(b" ")[0] for line in block.lines))

        return self._errors.word(word, f"line {block.line + i}", error)

    def _refuse_two_numbers(self, line: bytes, number: int) -> None:
        """Refuse a first line that is meant as a header and is none.

        Raises:
            BadRowError: it is so, and the user has not said that vectors have one dimension.
        """
        if number == 1 and self._header is None and self._source.dim != 1 and TWO_NUMBERS.fullmatch(line):
            raise BadRowError(NO_HEADER, *no_header(line))

    def _fields(self, line: bytes) -> tuple[bytes, list[bytes]]:
        """Split a line into the word and its numbers, one a dimension.

        Raises:
            BadRowError: too few fields, or too many numbers.
        """
        fields = _split(line.rstrip(b" \t\r"))
        if len(fields) == self._dim + 1:
            return fields[0], fields[1:]
        if len(fields) <= self._dim:
            if not line.strip():
                raise BadRowError(EMPTY_LINE, "an empty line", "")
            raise self._wrong_count(max(len(fields) - 1, 0), "truncated? fetch it again; or name its --format")
        if DECIMAL.fullmatch(fields[-self._dim - 1]):
            many = next((i for i, field in enumerate(reversed(fields)) if not NUMBER.fullmatch(field)), len(fields) - 1)
            raise self._wrong_count(many, "lines were joined? fetch it again; or name its --format")
        # The word is taken from the line, not joined from its fields: its inner white space is kept.
        end = len(re.sub(rb"([ \t]+[^ \t]+){%d}[ \t\r]*\Z" % self._dim, b"", line))
        return (line[:end] if end else fields[0]), fields[-self._dim :]

    def _numbers(self, fields: list[bytes]) -> list[float]:
        try:
            numbers = list(map(float, fields))
        except ValueError:
            numbers = []
        # Python reads 1_000 too.
        if not numbers or b"_" in b"".join(fields):
            wrong = next(field for field in fields if b"_" in field or not _is_float(field))
            message, hint = f"'{shown(wrong)}' is not a number", f"a line is a word and {self._dim} numbers"
            raise BadRowError(NOT_A_NUMBER, message, hint)
        return numbers

    def _wrong_count(self, found: int, hint: str) -> BadRowError:
        if self._source.dim is not None and self._header is None:
            hint = f"leave out --dim {self._dim}; or {hint}"
        return BadRowError(WRONG_LENGTH, f"{found:,} numbers, not {self._dim:,}", hint)


def no_header(line: bytes) -> tuple[str, str]:
    """Message and hint for a first line of two numbers that is not read as a header."""
    if HEADER.fullmatch(line) and int(line.split()[1]):
        return f"'{shown(line.strip())}' is a header", "name its --format word2vec"
    message = f"'{shown(line.strip())}' is no header, which is the number of words and the dimension, above 0"
    return message, "mend the line, or remove it (tail -n +2 FILE); --dim 1 reads it as a word and its number"


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
