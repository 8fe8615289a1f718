"""word2vec's formats: a header "words dimension", then words and numbers, as text or as 32-bit floats.

In the binary format a space follows each word. The C tool writes a newline after each vector, gensim does not; no word
starts with one, so both are read. tokit writes none.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import BinaryIO, ClassVar

import numpy as np

from tokit.embedding.formats.base import (
    ExportedVectors,
    ReadableFormat,
    VectorFile,
    WordVectors,
    WritableFormat,
    decoded,
    first_not_finite,
)
from tokit.embedding.formats.text_vectors import Header, TextVectors, read_header
from tokit.embedding.formats.verification import verify_in_gensim
from tokit.errors import ArtifactError
from tokit.progress import Progress

SPACE, NEWLINE = b" ", b"\n"
# A longer "word" is numbers that were read as letters.
LONGEST_WORD = 10_000
REPORT_EVERY = 1 << 16
# A word with a space in it shifts the reader: the rest of the word is read as numbers, and numbers as words.
OUT_OF_STEP = "truncated? fetch it again; the format cannot hold a word with a space in it"


class Word2VecText(TextVectors):
    """word2vec's text. It is read without its header, too."""

    readable_as: ClassVar[tuple[str, ...]] = ("word2vec", "fasttext-vec")


class FastTextVec(Word2VecText):
    """fastText's .vec, which is word2vec's text."""


class Word2VecBinary(ReadableFormat, WritableFormat):
    """word2vec's binary. Without its header, the dimension has to be given."""

    readable_as: ClassVar[tuple[str, ...]] = ("word2vec-binary",)

    @classmethod
    def read(cls, file: VectorFile) -> WordVectors:
        with file.path.open("rb") as opened:
            header = read_header(opened)
            start = opened.tell() if header else 0
            if header is None and file.dim is None:
                raise ArtifactError(
                    f"{file.path}: no first line of words and dimensions", hint="--dim 300 says how long a vector is"
                )
            if not file.path.stat().st_size:
                raise ArtifactError(f"{file.path}: the file is empty", hint="fetch it again")
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return _BinaryReader(file, content, header, start).read()

    @classmethod
    def write(cls, exported: ExportedVectors, file: BinaryIO) -> None:
        file.write(f"{len(exported.words)} {exported.dim}\n".encode())
        for part in exported.parts():
            rows = exported.vectors[exported.ids[part]].astype("<f4", copy=False)
            words = exported.words[part]
            file.write(b"".join([word.encode() + b" " + row.tobytes() for word, row in zip(words, rows, strict=True)]))

    @classmethod
    def verify(cls, exported: ExportedVectors, path: Path) -> tuple[str, ...]:
        return verify_in_gensim(exported, path, binary=True)


class _BinaryReader:
    def __init__(self, source: VectorFile, content: mmap.mmap, header: Header | None, start: int) -> None:
        self._source, self._content, self._header, self._at = source, content, header, start
        self._dim = header.dim if header else source.dim or 0
        self._width = 4 * self._dim

    def read(self) -> WordVectors:
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
        """Words, and the byte offsets of their numbers."""
        words: list[str] = []
        starts: list[int] = []
        size = len(self._content)
        if self._header is not None and self._header.words * (self._width + 2) > size:
            raise self._wrong_header(f"the file is too small for that ({size:,} bytes)")
        while not self._finished(len(words)):
            word, start = self._next(len(words) + 1)
            words.append(word)
            starts.append(start)
            self._at = start + self._width
            if len(words) % REPORT_EVERY == 0:
                self._source.tick(Progress("reading", self._at, size, "bytes"))
        return words, starts

    def _finished(self, done: int) -> bool:
        """True if the whole file was read.

        Raises:
            ArtifactError: the header promised another number of words.
        """
        header, size = self._header, len(self._content)
        at_end = self._at >= size or (self._at == size - 1 and self._content[self._at :] == NEWLINE)
        if header is not None and at_end != (done == header.words):
            raise self._wrong_header(
                f"the file ends after {done:,}" if at_end else f"more follows at byte {self._at:,}"
            )
        return at_end

    def _next(self, number: int) -> tuple[str, int]:
        """The next word, and the byte offset of its numbers.

        Raises:
            ArtifactError: it is truncated, or not a word.
        """
        begin = self._at + (self._content[self._at : self._at + 1] == NEWLINE)
        space = self._content.find(SPACE, begin, begin + LONGEST_WORD)
        where = f"{self._source.path}: word {number:,}, byte {begin:,}"
        if space < 0:
            raise ArtifactError(f"{where}: no space behind it", hint="truncated, or its first line is wrong")
        if space + 1 + self._width > len(self._content):
            raise ArtifactError(f"{where}: truncated in its numbers", hint="fetch it again, or repair its first line")
        word = self._content[begin:space]
        # No word of a C program contains it, and most numbers do.
        if b"\0" in word:
            raise ArtifactError(f"{where}: numbers where a word should be", hint=OUT_OF_STEP)
        return decoded(word, where), space + 1

    def _wrong_header(self, what: str) -> ArtifactError:
        header = self._header or Header(0, self._dim)
        return ArtifactError(
            f"{self._source.path}: its first line promises {header.words:,} words of {header.dim:,} numbers; {what}",
            hint=OUT_OF_STEP,
        )
