"""Base classes of word-vector formats: from a file to words and their rows, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.formats.bad_rows import NO_BAD_ROWS, BadRows, RowErrors
from tokit.embedding.formats.source import VectorSource
from tokit.embedding.ngrams import NgramTable
from tokit.errors import ArtifactError, CorpusError
from tokit.progress import Tick, silent
from tokit.storage.safetensors import Rows

WORDS_PER_PART = 1 << 12
# The white space of both C and Python: a reader ends a word there.
WHITE_SPACE = " \t\n\v\f\r"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MATRIX = 2
Array: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.generic]]


@dataclass(frozen=True, slots=True)
class WordVectors:
    """The content of a file.

    Attributes:
        words: In the order of the file, duplicates included.
        vectors: Row i is word i; float32, shape (words, dim).
        counts: Occurrences of each word in the training corpus; None where the file has no counts.
        ngrams: Vectors of n-grams, if the file has them and they were asked for; own rows by word.
        output: Output vectors, for training only, if the file has them; rows as above.
        bad: Rows that were skipped, words that were repaired, and what else was wrong with the file.
    """

    words: list[str]
    vectors: FloatArray
    counts: IntArray | None = None
    ngrams: NgramTable | None = None
    output: Rows | None = None
    bad: BadRows = NO_BAD_ROWS


@dataclass(frozen=True, slots=True)
class VectorFile:
    """A file to read.

    Attributes:
        source: The open file.
        words: The word list that belongs to it, for formats that have none.
        dim: Dimension, for files that do not name it; None infers it.
        tick: Progress.
        subwords: Keep n-grams, if there are any.
        errors: "strict", "replace" or "skip": see `bad_rows`.
        limit: Read no more than the first rows; None reads all.
    """

    source: VectorSource
    words: Path | None = None
    dim: int | None = None
    tick: Tick = silent
    subwords: bool = True
    errors: str = "strict"
    limit: int | None = None

    @property
    def name(self) -> str:
        """Name of the file in messages."""
        return self.source.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedVectors:
    """Words and vectors to write.

    Attributes:
        words: All different, frequent ones first.
        ids: The token of each word.
        respelled: True for words that are not the text whose n-grams their token has; shape (words,).
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
    respelled: npt.NDArray[np.bool_]
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

    @classmethod  # noqa: B027 - most formats have nothing to check
    def check(cls, file: VectorFile) -> None:
        """Refuse a file before its options are looked at.

        Raises:
            ArtifactError: no option makes it readable.
        """

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
        by_text: Names of tokens are their texts, also where the tokenizer has other names for them.
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


def read_word_list(path: Path) -> list[bytes]:
    """Read a list of words, one a line; a byte-order mark at its start is none of them.

    Raises:
        CorpusError: it cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}", hint="is the path right?") from error
    lines = content.removeprefix(BYTE_ORDER_MARK).replace(b"\r\n", b"\n").split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def listed_vectors(
    file: VectorFile, array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], where: str
) -> WordVectors:
    """Rows of a matrix with the word list that belongs to it.

    Raises:
        ArtifactError: not a matrix of numbers; with errors "strict", one that is not finite.
        CorpusError: the list has another length, or cannot be read; with errors "strict", a word is not UTF-8.
    """
    if file.words is None:
        raise TypeError("a format with needs_words is read with a list")
    listed = read_word_list(file.words)
    if array.ndim == MATRIX and len(listed) != len(array):
        raise CorpusError(
            f"{file.words}: {len(listed):,} words for the {len(array):,} rows of {file.name}", hint="one word a line"
        )
    listed, rows = listed[: file.limit], float32_rows(array[: file.limit], where)
    errors = RowErrors(file.errors)
    words = errors.decoded(listed, lambda i: f"{file.words}:{i + 1}")
    bad = ~finite_rows(rows)
    for i in np.flatnonzero(bad).tolist():
        errors.not_finite(f"{where}: row {i}", f"row {i}", ArtifactError)
    usable = [(i, word) for i, word in enumerate(words) if word is not None and not bad[i]]
    if len(usable) < len(words):
        rows = rows[[i for i, _ in usable]]
    return WordVectors([word for _, word in usable], rows, bad=errors.bad())


def float32_rows(array: Array, where: str) -> FloatArray:
    """Convert a matrix of numbers to float32.

    Raises:
        ArtifactError: not a matrix, or not numeric.
    """
    require_numbers(array.shape, array.dtype, where)
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=np.float32)


def require_numbers(shape: tuple[int, ...], dtype: np.dtype[Any], where: str) -> None:
    """Refuse an array that is no matrix of numbers.

    Raises:
        ArtifactError: it is none.
    """
    if len(shape) != MATRIX or dtype.kind not in "fiu":
        raise ArtifactError(f"{where}: shape {shape} of {dtype}, not a matrix of numbers", hint="one row a word")


def finite_rows(rows: FloatArray) -> npt.NDArray[np.bool_]:
    """True for rows without a NaN or an infinity; shape (rows,)."""
    finite: npt.NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(rows), axis=1)
    return finite


def first_not_finite(rows: FloatArray) -> int | None:
    """Return the first row with a NaN or an infinity; None when there is none."""
    step = 1 << 14
    for start in range(0, len(rows), step):
        finite = np.isfinite(rows[start : start + step]).all(axis=1)
        if not finite.all():
            return start + int(np.argmin(finite))
    return None
