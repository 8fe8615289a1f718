"""Text: a word and its numbers on a line. word2vec and fastText put a line "words dimensions" first, GloVe does not.

A word may have spaces in it (GloVe's 840B has ". . ."), so the numbers are the last fields of a line.
A line of plain numbers and single blanks is read by the block; any other line by itself, with the same result.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, ClassVar

import numpy as np

from tokit.arrays import ByteArray, FloatArray, IntArray
from tokit.embedding.formats.base import Format, Source, WordVectors, first_not_finite, not_utf8, shown
from tokit.errors import CorpusError
from tokit.kernels.compiled.loader import kernel, pays
from tokit.progress import Progress

BLOCK_BYTES = 1 << 23
# So many lines tell how many columns there are, when no header does.
HEAD_LINES = 200
HEADER = re.compile(rb"[ \t]*(\d{1,18})[ \t]+(\d{1,9})[ \t]*\r?\n?")
# A word does not end in such a field; a line with a number too many does.
DECIMAL = re.compile(rb"[-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d+)?")
NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf)", re.IGNORECASE)
# What the fast way does not know: all control characters but tab and the line's end.
ODD = np.zeros(256, dtype=np.bool_)
ODD[:32] = True
ODD[[9, 10]] = False
TAB, NEWLINE, RETURN, SPACE = 9, 10, 13, 32


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of word2vec: how many words, how many columns."""

    words: int
    dim: int


@dataclass(slots=True)
class Chunk:
    """Some whole lines, each with a newline at its end.

    Attributes:
        data: The bytes.
        line: The number of the first line, from 1.
        byte: Where in the file it begins.
    """

    data: bytes
    line: int
    byte: int


class TextVectors(Format):
    """What the formats of text share."""

    # Whether a first line of two whole numbers is a header.
    headed: ClassVar[bool] = True

    @classmethod
    def read(cls, source: Source) -> WordVectors:
        with source.path.open("rb") as file:
            header = read_header(file) if cls.headed else None
            if header is None:
                file.seek(0)
            dim = header.dim if header else source.dim or guessed_dim(file, source.path)
            return _Reading(source, file, header, dim).all()


class Word2VecText(TextVectors):
    """word2vec's text, with its header or without."""

    name = "word2vec"


class FastTextVec(TextVectors):
    """fastText's .vec is word2vec's text."""

    name = "fasttext-vec"


class Glove(TextVectors):
    """GloVe's text: no header, so that "400 5" would be the word 400 in one dimension."""

    name = "glove"
    headed = False


def read_header(file: BinaryIO) -> Header | None:
    """The header, if the first line is one; the file then stands behind it."""
    match = HEADER.fullmatch(file.readline(100))
    return Header(int(match[1]), int(match[2])) if match and int(match[2]) else None


def guessed_dim(file: BinaryIO, path: Path) -> int:
    """How many numbers most of the first lines have; the file stands where it stood.

    Raises:
        CorpusError: they have none.
    """
    start = file.tell()
    columns = Counter(_trailing_numbers(line) for line in islice(file, HEAD_LINES) if line.strip())
    file.seek(start)
    dim = columns.most_common(1)[0][0] if columns else 0
    if dim < 1:
        what = "no word and its numbers on a line" if columns else "the file is empty"
        raise CorpusError(f"{path}: {what}", hint="is it another --format?")
    return dim


def _trailing_numbers(line: bytes) -> int:
    """How many fields at the end of a line are numbers; the first is the word, unless a blank stands first."""
    fields = line.split()
    most = len(fields) - (not line[:1].isspace())
    return next((i for i, field in enumerate(reversed(fields)) if i >= most or not NUMBER.fullmatch(field)), most)


class _Reading:
    """One pass over a file."""

    def __init__(self, source: Source, file: BinaryIO, header: Header | None, dim: int) -> None:
        self._source, self._file, self._header, self._dim = source, file, header, dim
        self._size = source.path.stat().st_size
        self._words: list[str] = []

    def all(self) -> WordVectors:
        expected = self._expected_rows()
        vectors = np.empty((expected, self._dim), dtype=np.float32)
        for chunk in self._chunks():
            words, rows = self._parse(chunk)
            done = len(self._words)
            if done + len(words) > expected:
                raise self._lies(f"line {chunk.line + expected - done} is one more")
            vectors[done : done + len(words)] = rows
            self._words += words
            self._source.tick(Progress("reading", chunk.byte + len(chunk.data), self._size, "bytes"))
        if len(self._words) < expected:
            raise self._lies(f"the file ends after {len(self._words):,}")
        return WordVectors(self._words, vectors)

    def _expected_rows(self) -> int:
        """The header's word, or the lines of the file: the matrix is made once, in its size."""
        if self._header is None:
            return count_lines(self._file)
        # A word, and of each number a blank and a digit.
        if self._header.words * (2 * self._dim + 1) > self._size:
            raise self._lies(f"the file is too small for that ({self._size:,} bytes)")
        return self._header.words

    def _lies(self, what: str) -> CorpusError:
        header = self._header or Header(0, self._dim)
        return CorpusError(
            f"{self._source.path}: its first line promises {header.words:,} words of {header.dim:,} numbers; {what}",
            hint="cut off? fetch it again; or correct its first line",
        )

    def _chunks(self) -> Iterator[Chunk]:
        line, byte = 1 + (self._header is not None), self._file.tell()
        rest = b""
        while block := self._file.read(BLOCK_BYTES):
            whole, newline, tail = block.rpartition(b"\n")
            if not newline:
                rest += block
                continue
            data = rest + whole + newline
            yield Chunk(data, line, byte)
            line, byte, rest = line + data.count(b"\n"), byte + len(data), tail
        if rest:
            yield Chunk(rest + b"\n", line, byte)

    def _parse(self, chunk: Chunk) -> tuple[list[str], FloatArray]:
        parsed = parse_block(chunk.data, self._dim)
        words, rows = self._line_by_line(chunk) if parsed is None else parsed
        bad = first_not_finite(rows)
        if bad is not None:
            raise CorpusError(
                f"{self._where(chunk.line + bad)}: a number is not finite", hint="mend or remove the line"
            )
        return words, rows

    def _line_by_line(self, chunk: Chunk) -> tuple[list[str], FloatArray]:
        """The slow way: says which line is broken."""
        lines = chunk.data.split(b"\n")[:-1]
        words: list[str] = []
        rows = np.empty((len(lines), self._dim), dtype=np.float32)
        byte = chunk.byte
        for i, line in enumerate(lines):
            where = self._where(chunk.line + i)
            word, numbers = self._fields(line, where)
            rows[i] = self._numbers(numbers, where)
            try:
                words.append(word.decode("utf-8"))
            except UnicodeDecodeError as error:
                raise not_utf8(f"{where}: byte {byte + error.start}") from error
            byte += len(line) + 1
        return words, rows

    def _fields(self, line: bytes, where: str) -> tuple[bytes, list[bytes]]:
        """The word, and as many last fields as there are columns.

        Raises:
            CorpusError: too few fields, or too many numbers.
        """
        # A word may be a blank of Unicode, whose bytes are none of these, or nothing at all.
        fields = re.split(rb"[ \t]+", line.rstrip(b" \t\r"))
        if len(fields) <= self._dim:
            raise self._columns(where, max(len(fields) - 1, 0), "cut off? fetch it again; or name its --format")
        numbers = fields[-self._dim :]
        if len(fields) > self._dim + 1 and DECIMAL.fullmatch(fields[-self._dim - 1]):
            many = next((i for i, each in enumerate(reversed(fields)) if not NUMBER.fullmatch(each)), len(fields) - 1)
            raise self._columns(where, many, "lines were joined? fetch it again; or name its --format")
        # Not joined again: blanks inside of a word are what they are.
        end = (
            len(re.sub(rb"([ \t]+[^ \t]+){%d}[ \t\r]*\Z" % self._dim, b"", line)) if len(fields) > self._dim + 1 else 0
        )
        return (line[:end] if end else fields[0]), numbers

    def _numbers(self, fields: list[bytes], where: str) -> list[float]:
        numbers = []
        for field in fields:
            try:
                # Python would take 1_000 too.
                numbers.append(float(field if b"_" not in field else b"_"))
            except ValueError as error:
                raise CorpusError(
                    f"{where}: '{shown(field)}' is not a number", hint=f"a line is a word and {self._dim} numbers"
                ) from error
        return numbers

    def _columns(self, where: str, found: int, hint: str) -> CorpusError:
        if self._source.dim is not None and self._header is None:
            hint = f"leave out --dim {self._dim}; or {hint}"
        return CorpusError(f"{where}: {found:,} numbers, not {self._dim:,}", hint=hint)

    def _where(self, line: int) -> str:
        return f"{self._source.path}:{line}"


def count_lines(file: BinaryIO) -> int:
    """Lines from here to the end, the last one with or without a newline; the file stands where it stood."""
    start, lines, last = file.tell(), 0, b"\n"
    while block := file.read(BLOCK_BYTES):
        lines += block.count(b"\n")
        last = block[-1:]
    file.seek(start)
    return lines + (last != b"\n")


def parse_block(data: bytes, dim: int) -> tuple[list[str], FloatArray] | None:
    """Read many lines at once.

    Args:
        data: Whole lines, each with a newline at its end.
        dim: Numbers of a line.

    Returns:
        Words and rows; None where the lines are not as plain as this takes for granted, or broken.
    """
    octets: ByteArray = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(octets == NEWLINE)
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1] + 1])
    stops = _without_blanks(octets, starts, ends)
    blanks = np.flatnonzero((octets == SPACE) | (octets == TAB))
    # The first blank behind the last number of each line.
    behind = np.searchsorted(blanks, stops)
    if len(blanks) == 0 or (behind < dim).any():
        return None
    word_ends = blanks[behind - dim]
    if (word_ends < starts).any() or _has_surprises(octets, blanks, starts, stops, word_ends):
        return None
    inside = _inside(len(octets), starts, word_ends)
    rows = _numbers(np.where(inside, np.uint8(SPACE), octets), len(ends), dim)
    words = _words(octets[inside | (octets == NEWLINE)])
    return None if rows is None or words is None else (words, rows)


def _without_blanks(octets: ByteArray, starts: IntArray, ends: IntArray) -> IntArray:
    """The ends of lines, blanks and a carriage return at their end left out: the C tools write one more blank."""
    stops = ends.copy()
    while True:
        before = octets[np.maximum(stops - 1, 0)]
        trim = (stops > starts) & ((before == SPACE) | (before == TAB) | (before == RETURN))
        if not trim.any():
            return stops
        stops[trim] -= 1


def _has_surprises(octets: ByteArray, blanks: IntArray, starts: IntArray, stops: IntArray, word_ends: IntArray) -> bool:
    """Two blanks in a row, control characters, or a word that looks as if a number were part of it."""
    returns = int((octets == RETURN).sum())
    at_end = int((octets[np.minimum(stops, len(octets) - 1)] == RETURN).sum()) if returns else 0
    odd = ODD[octets]
    if int(odd.sum()) != at_end:
        return True
    pairs = blanks[:-1][np.diff(blanks) == 1]
    line = np.searchsorted(starts, pairs, side="right") - 1
    if (pairs + 1 < stops[line]).any():
        return True
    spaced = np.flatnonzero(np.searchsorted(blanks, starts) != np.searchsorted(blanks, word_ends))
    words = (octets[starts[i] : word_ends[i]].tobytes() for i in spaced.tolist())
    return any(DECIMAL.fullmatch(word.rpartition(b" ")[2].rpartition(b"\t")[2]) for word in words)


def _inside(size: int, starts: IntArray, word_ends: IntArray) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Which bytes are part of a word."""
    steps = np.zeros(size + 1, dtype=np.int8)
    steps[starts] += 1
    steps[word_ends] -= 1
    return np.cumsum(steps[:-1], dtype=np.int8).astype(np.bool_)


def _numbers(text: ByteArray, lines: int, dim: int) -> FloatArray | None:
    if pays("parse_decimals", len(text)):
        plain = np.empty((lines, dim), dtype=np.float32)
        found = kernel("parse_decimals")(text, plain)
        if found >= 0:
            return plain if found == lines * dim else None
    return _numbers_by_numpy(text, lines, dim)


def _numbers_by_numpy(text: ByteArray, lines: int, dim: int) -> FloatArray | None:
    with warnings.catch_warnings(), np.errstate(over="ignore"):
        # NumPy stops at what is no number with no more than a warning.
        warnings.simplefilter("error")
        try:
            numbers = np.fromstring(text.tobytes(), dtype=np.float32, sep=" ")
        except (DeprecationWarning, ValueError):
            return None
    return numbers.reshape(lines, dim) if len(numbers) == lines * dim else None


def _words(text: ByteArray) -> list[str] | None:
    try:
        return text.tobytes().decode("utf-8").split("\n")[:-1]
    except UnicodeDecodeError:
        return None
