"""word2vec's formats: a header "words dimension", then words and numbers, as text or as 32-bit floats.

In the binary format a space follows each word. The C tool writes a newline after each vector, gensim does not; no word
starts with one, so both are read. tokit writes none.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, ClassVar

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray
from tokit.embedding.formats.bad_rows import SKIP_HINT, TRUNCATED, RowErrors, not_utf8, shown
from tokit.embedding.formats.base import (
    ExportedVectors,
    ReadableFormat,
    VectorFile,
    WordVectors,
    WritableFormat,
    finite_rows,
)
from tokit.embedding.formats.text_reader import TWO_NUMBERS, Header, no_header
from tokit.embedding.formats.text_vectors import LONGEST_HEADER, TextVectors, read_header, skip_byte_order_mark
from tokit.embedding.formats.verification import verify_in_gensim
from tokit.errors import ArtifactError, CorpusError

SPACE, NEWLINE = b" ", b"\n"
# A longer "word" is numbers that were read as letters.
LONGEST_WORD = 10_000
CHUNK_BYTES = 1 << 23
# White space at the end of a file.
LONGEST_END = 1 << 10
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
        errors = RowErrors(file.errors)
        skip_byte_order_mark(file.source.stream, errors)
        header = read_header(file)
        first = file.source.stream.peek(LONGEST_HEADER)[:LONGEST_HEADER].partition(b"\n")[0]
        if header is None and TWO_NUMBERS.fullmatch(first):
            message, hint = no_header(first)
            raise ArtifactError(f"{file.name}: {message}", hint=hint.partition(";")[0])
        if header is None and file.dim is None:
            raise ArtifactError(
                f"{file.name}: no first line of words and dimensions", hint="--dim 300 says how long a vector is"
            )
        if not file.source.head:
            raise ArtifactError(f"{file.name}: the file is empty", hint="fetch it again")
        return _BinaryReader(file, header, errors).read()

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
    """One pass over a file, a chunk at a time."""

    def __init__(self, source: VectorFile, header: Header | None, errors: RowErrors) -> None:
        self._source, self._header, self._errors = source, header, errors
        self._dim = header.dim if header else source.dim or 0
        self._width = 4 * self._dim
        # Bytes that are read and not yet used start at `_at` of `_chunk`, which starts at `_byte` of the file.
        self._chunk, self._at, self._byte = b"", 0, source.source.stream.tell()
        self._rows = 0

    def read(self) -> WordVectors:
        words: list[str] = []
        parts: list[FloatArray] = []
        while not self._finished():
            rows, starts = self._rows_of_chunk()
            vectors = np.empty((len(rows), self._dim), dtype="<f4")
            for i, start in enumerate(starts):
                vectors[i] = np.frombuffer(self._chunk, dtype="<f4", count=self._dim, offset=start)
            usable = self._usable(rows, vectors)
            words += [word for word, keep in zip(rows, usable.tolist(), strict=True) if keep and word is not None]
            parts.append(vectors[usable].astype(np.float32, copy=False))
            self._source.tick(self._source.source.progress())
        limit = self._source.limit
        if self._header is not None and self._rows not in (self._header.words, limit):
            self._errors.wrong_header(self._source.name, self._header.words, self._rows)
        vectors = np.concatenate(parts) if parts else np.empty((0, self._dim), dtype=np.float32)
        return WordVectors(words, vectors, bad=self._errors.bad())

    def _usable(self, words: list[str | None], vectors: FloatArray) -> npt.NDArray[np.bool_]:
        """Rows with a word and finite numbers."""
        finite = finite_rows(vectors)
        for i in np.flatnonzero(~finite).tolist():
            number = self._rows - len(words) + i + 1
            where = f"{self._source.name}: word {number:,} ('{words[i]}')"
            self._errors.not_finite(where, f"word {number:,}", ArtifactError)
        usable: npt.NDArray[np.bool_] = finite & np.array([word is not None for word in words], dtype=np.bool_)
        return usable

    def _finished(self) -> bool:
        """Fill the chunk; true at the end of the file, and at the limit."""
        if self._source.limit is not None and self._rows >= self._source.limit:
            return True
        self._byte += self._at
        rest, self._at = self._chunk[self._at :], 0
        self._chunk = rest + self._source.source.stream.read(CHUNK_BYTES + self._width)
        # White space at the end is no row.
        return len(self._chunk) < LONGEST_END and not self._chunk.strip()

    def _rows_of_chunk(self) -> tuple[list[str | None], list[int]]:
        """Words that lie in the chunk as a whole with their numbers, and the offsets of these.

        Raises:
            ArtifactError: a word is truncated, or is not one.
        """
        words: list[str | None] = []
        starts: list[int] = []
        limit = self._source.limit
        while limit is None or self._rows < limit:
            begin = self._at + (self._chunk[self._at : self._at + 1] == NEWLINE)
            space = self._chunk.find(SPACE, begin, begin + LONGEST_WORD)
            start = space + 1
            if space < 0 and len(self._chunk) - begin >= LONGEST_WORD:
                raise ArtifactError(
                    f"{self._where(begin)}: no space behind it", hint="another --format? or its first line is wrong"
                )
            if space < 0 or start + self._width > len(self._chunk):
                if words or self._more():
                    break
                self._truncated(begin, space)
                break
            words.append(self._word(begin, space))
            starts.append(start)
            self._at = start + self._width
            self._rows += 1
        return words, starts

    def _more(self) -> bool:
        """Read on, for a row that is longer than the chunk; false at the end of the file."""
        more = self._source.source.stream.read(CHUNK_BYTES)
        self._chunk += more
        return bool(more)

    def _truncated(self, begin: int, space: int) -> None:
        """Refuse, or count, bytes at the end that are no row."""
        where = self._where(begin)
        if self._chunk[begin:].strip():
            what = f"{where}: truncated in its numbers" if space >= 0 else f"{where}: no space behind it"
            if self._header is not None and self._rows >= self._header.words:
                what = f"{where}: more follows the {self._rows:,} words that its first line promises"
            hint = f"truncated download? fetch it again; or its first line is wrong; {SKIP_HINT}"
            self._errors.reject(TRUNCATED, f"word {self._rows + 1:,}", lambda: ArtifactError(what, hint=hint))
        self._at = len(self._chunk)

    def _word(self, begin: int, end: int) -> str | None:
        """A word; None when its row is skipped.

        Raises:
            ArtifactError: not a word.
            CorpusError: not UTF-8.
        """
        word = self._chunk[begin:end]
        where = self._where(begin)
        # No word of a C program contains it, and most numbers do.
        if b"\0" in word:
            raise ArtifactError(f"{where}: numbers where a word should be", hint=OUT_OF_STEP)

        def error(_: UnicodeDecodeError) -> CorpusError:
            hint = "damaged, or another --format? or the tool that wrote it truncated long words within a character"
            return not_utf8(f"{where}: '{shown(word)}'", (), hint)

        return self._errors.word(word, f"word {self._rows + 1:,}", error)

    def _where(self, at: int) -> str:
        return f"{self._source.name}: word {self._rows + 1:,}, at byte {self._byte + at:,} of the file"
