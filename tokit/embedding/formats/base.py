"""Base classes of word-vector formats: from a file to words and their rows, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.ngrams import NgramTable
from tokit.errors import ArtifactError, CorpusError
from tokit.progress import Tick, silent
from tokit.storage.safetensors import Rows

# Characters of a broken word that a message shows.
SHOWN_CHARACTERS = 40
WORDS_PER_PART = 1 << 12
# The white space of both C and Python: a reader ends a word there.
WHITE_SPACE = " \t\n\v\f\r"


@dataclass(frozen=True, slots=True)
class WordVectors:
    """The content of a file.

    Attributes:
        words: In the order of the file, duplicates included.
        vectors: Row i is word i; float32, shape (words, dim).
        counts: Occurrences of each word in the training corpus; None where the file has no counts.
        ngrams: Vectors of n-grams, if the file has them and they were asked for; own rows by word.
        output: Output vectors, for training only, if the file has them; rows as above.
    """

    words: list[str]
    vectors: FloatArray
    counts: IntArray | None = None
    ngrams: NgramTable | None = None
    output: Rows | None = None


@dataclass(frozen=True, slots=True)
class VectorFile:
    """A file to read.

    Attributes:
        path: The file.
        words: The word list that belongs to it, for formats that have none.
        dim: Dimension, for files that do not name it; None infers it.
        tick: Progress.
        subwords: Keep n-grams, if there are any.
    """

    path: Path
    words: Path | None = None
    dim: int | None = None
    tick: Tick = silent
    subwords: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedVectors:
    """Words and vectors to write.

    Attributes:
        words: All different, frequent ones first.
        ids: The token of each word.
        counts: Occurrences of each word; at least 1.
        vectors: By token id; float32, shape (vocab, dim).
        ngrams: Vectors of n-grams, of an embedding that has them.
        output: Output vectors by token id, if they were saved.
        params: Training parameters of the family.
        cbow: The model was trained as a continuous bag of words.
        tick: Progress.
    """

    words: list[str]
    ids: IntArray
    counts: IntArray
    vectors: FloatArray
    ngrams: NgramTable | None
    output: Rows | None
    params: dict[str, Any]
    cbow: bool
    tick: Tick = silent

    @property
    def dim(self) -> int:
        """Dimension of the vectors."""
        return int(self.vectors.shape[1])

    def parts(self) -> Iterator[slice]:
        """Slices of at most `WORDS_PER_PART` words."""
        for start in range(0, len(self.words), WORDS_PER_PART):
            yield slice(start, min(start + WORDS_PER_PART, len(self.words)))


class ReadableFormat(ABC):
    """A format that tokit reads.

    Attributes:
        needs_words: The file has rows only; a word list goes with it.
        ranked: The tools that write it put frequent words first.
    """

    needs_words: ClassVar[bool] = False
    ranked: ClassVar[bool] = True

    @classmethod
    @abstractmethod
    def read(cls, file: VectorFile) -> WordVectors:
        """Read the whole file.

        Raises:
            CorpusError: broken text: a line of another length, no number, not UTF-8.
            ArtifactError: a broken binary file, or one of another kind.
        """


class WritableFormat(ABC):
    """A format that tokit writes.

    Attributes:
        forbidden: Characters that no word may contain.
        by_text: Words are the tokens' texts, also where the tokenizer has other names for them.
        readable_as: Names under which tokit reads such a file.
    """

    forbidden: ClassVar[str] = WHITE_SPACE
    by_text: ClassVar[bool] = False
    readable_as: ClassVar[tuple[str, ...]]

    @classmethod
    @abstractmethod
    def write(cls, exported: ExportedVectors, file: BinaryIO) -> None:
        """Write the whole file.

        Raises:
            UsageError: the format cannot hold such an embedding.
        """

    @classmethod
    @abstractmethod
    def verify(cls, exported: ExportedVectors, path: Path) -> tuple[str, ...]:
        """Load the file in the libraries that it is written for, and compare.

        Returns:
            Names of the libraries.

        Raises:
            CheckError: a vector differs.
            MissingPackageError: the library is not installed.
        """


def read_word_list(path: Path) -> list[str]:
    """Read a list of words, one a line.

    Raises:
        CorpusError: it cannot be read, or is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}", hint="is the path right?") from error
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise not_utf8(f"{path}:{line}: byte {error.start}") from error
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def listed_words(file: VectorFile, rows: int) -> list[str]:
    """Read the word list that belongs to a matrix of `rows` rows.

    Raises:
        CorpusError: it has another length, or cannot be read.
    """
    if file.words is None:
        raise TypeError("a format with needs_words is read with a list")
    words = read_word_list(file.words)
    if len(words) != rows:
        raise CorpusError(
            f"{file.words}: {len(words):,} words for the {rows:,} rows of {file.path}", hint="one word a line"
        )
    return words


def float32_rows(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], where: str) -> FloatArray:
    """Convert a matrix of numbers to float32.

    Raises:
        ArtifactError: not a matrix, not numeric, or not finite.
    """
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise ArtifactError(
            f"{where}: shape {array.shape} of {array.dtype}, not a matrix of numbers", hint="one row a word"
        )
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(array, dtype=np.float32)
    bad = first_not_finite(rows)
    if bad is not None:
        raise ArtifactError(f"{where}: row {bad} has a number that is not finite", hint="correct or remove the row")
    return rows


def first_not_finite(rows: FloatArray) -> int | None:
    """Return the first row with a NaN or an infinity; None when there is none."""
    step = 1 << 14
    for start in range(0, len(rows), step):
        finite = np.isfinite(rows[start : start + step]).all(axis=1)
        if not finite.all():
            return start + int(np.argmin(finite))
    return None


def not_utf8(where: str, hint: str = "convert the file first: iconv -f latin1 -t utf-8") -> CorpusError:
    """Build the error for bytes that are not UTF-8."""
    return CorpusError(f"{where} is not UTF-8", hint=hint)


def shown(word: bytes) -> str:
    """Bytes as a message shows them, truncated."""
    text = word.decode("utf-8", errors="replace")
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def decoded(word: bytes, where: str) -> str:
    """Decode a word of a binary file.

    Raises:
        CorpusError: it is not UTF-8.
    """
    try:
        return word.decode("utf-8")
    except UnicodeDecodeError as error:
        hint = "damaged, or another --format? or the tool that wrote it truncated long words within a character"
        raise not_utf8(f"{where}: '{shown(word)}'", hint) from error
