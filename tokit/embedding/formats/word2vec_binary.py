"""word2vec's binary: a line "words dimensions", then each word, a blank, and its numbers as 32-bit floats.

The C tool writes a newline after each vector, gensim does not; a word that begins with one is none, so both are read.
"""

from __future__ import annotations

import mmap
from typing import ClassVar

import numpy as np

from tokit.embedding.formats.base import Format, Source, WordVectors, decoded, first_not_finite
from tokit.embedding.formats.text import Header, read_header
from tokit.errors import ArtifactError
from tokit.progress import Progress

BLANK, NEWLINE = b" ", b"\n"
# A longer "word" is numbers read as letters.
LONGEST_WORD = 10_000
REPORT_EVERY = 1 << 16
# A reader ends a word at its first space: what stands behind one is taken for numbers, and they for words.
OUT_OF_STEP = "cut off? fetch it again; the format has no place for a word with a space in it"


class Word2VecBinary(Format):
    """word2vec's binary, with its header; without one the dimensions have to be given."""

    name: ClassVar[str] = "word2vec-binary"

    @classmethod
    def read(cls, source: Source) -> WordVectors:
        with source.path.open("rb") as file:
            header = read_header(file)
            start = file.tell() if header else 0
            if header is None and source.dim is None:
                raise ArtifactError(
                    f"{source.path}: no first line of words and dimensions", hint="--dim 300 says how long a vector is"
                )
            if not source.path.stat().st_size:
                raise ArtifactError(f"{source.path}: the file is empty", hint="fetch it again")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return _Records(source, content, header, start).all()


class _Records:
    def __init__(self, source: Source, content: mmap.mmap, header: Header | None, start: int) -> None:
        self._source, self._content, self._header, self._at = source, content, header, start
        self._dim = header.dim if header else source.dim or 0
        self._width = 4 * self._dim

    def all(self) -> WordVectors:
        words, starts = self._find()
        vectors = np.empty((len(words), self._dim), dtype="<f4")
        for i, start in enumerate(starts):
            vectors[i] = np.frombuffer(self._content, dtype="<f4", count=self._dim, offset=start)
        bad = first_not_finite(vectors)
        if bad is not None:
            raise ArtifactError(
                f"{self._source.path}: word {bad + 1:,} ('{words[bad]}'), byte {starts[bad]:,}: a number is not finite",
                hint="damaged, or its first line is wrong; fetch it again",
            )
        return WordVectors(words, vectors.astype(np.float32, copy=False))

    def _find(self) -> tuple[list[str], list[int]]:
        """Words, and where their numbers begin."""
        words: list[str] = []
        starts: list[int] = []
        size = len(self._content)
        if self._header is not None and self._header.words * (self._width + 2) > size:
            raise self._lies(f"the file is too small for that ({size:,} bytes)")
        while not self._finished(len(words)):
            word, start = self._next(len(words) + 1)
            words.append(word)
            starts.append(start)
            self._at = start + self._width
            if len(words) % REPORT_EVERY == 0:
                self._source.tick(Progress("reading", self._at, size, "bytes"))
        return words, starts

    def _finished(self, done: int) -> bool:
        """Whether all is read.

        Raises:
            ArtifactError: the header promised another number of words.
        """
        header, size = self._header, len(self._content)
        at_end = self._at >= size or (self._at == size - 1 and self._content[self._at :] == NEWLINE)
        if header is not None and at_end != (done == header.words):
            raise self._lies(f"the file ends after {done:,}" if at_end else f"more follows at byte {self._at:,}")
        return at_end

    def _next(self, number: int) -> tuple[str, int]:
        """The word at the place where we are, and where its numbers begin.

        Raises:
            ArtifactError: it is cut off, or is no word.
        """
        begin = self._at + (self._content[self._at : self._at + 1] == NEWLINE)
        blank = self._content.find(BLANK, begin, begin + LONGEST_WORD)
        where = f"{self._source.path}: word {number:,}, byte {begin:,}"
        if blank < 0:
            raise ArtifactError(f"{where}: no blank behind it", hint="cut off, or its first line is wrong")
        if blank + 1 + self._width > len(self._content):
            raise ArtifactError(f"{where}: cut off in its numbers", hint="fetch it again, or mend its first line")
        word = self._content[begin:blank]
        # The one sign that is in no word of a C program, and in most numbers that are taken for a word.
        if b"\0" in word:
            raise ArtifactError(f"{where}: numbers where a word should be", hint=OUT_OF_STEP)
        return decoded(word, where), blank + 1

    def _lies(self, what: str) -> ArtifactError:
        header = self._header or Header(0, self._dim)
        return ArtifactError(
            f"{self._source.path}: its first line promises {header.words:,} words of {header.dim:,} numbers; {what}",
            hint=OUT_OF_STEP,
        )
