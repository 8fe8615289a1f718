"""What a format of word vectors is: one way from a file to words and their rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.ngrams import NgramTable
from tokit.errors import ArtifactError, CorpusError
from tokit.progress import Tick, silent
from tokit.storage.safetensors import Rows

# Of a broken word no more than this is shown.
SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class WordVectors:
    """What a file holds.

    Attributes:
        words: As the file has them, duplicates included.
        vectors: Row i is word i; float32, shape (words, dim).
        counts: How often the training corpus had each word; None where the file does not say.
        ngrams: What the vectors are means of, if the file has n-grams and they were asked for; own rows by word.
        output: What is for training only, if the file has it; rows as above.
    """

    words: list[str]
    vectors: FloatArray
    counts: IntArray | None = None
    ngrams: NgramTable | None = None
    output: Rows | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read.

    Attributes:
        path: The file.
        words: The word list that belongs to it, for formats that have none.
        dim: Columns, for files that do not say; None finds out.
        tick: Progress.
        subwords: Keep n-grams, where there are some.
    """

    path: Path
    words: Path | None = None
    dim: int | None = None
    tick: Tick = silent
    subwords: bool = True


class Format(ABC):
    """A kind of file.

    Attributes:
        needs_words: The file has rows only, and a word list goes with it.
        ranked: The tools that write it put frequent words first.
    """

    name: ClassVar[str]
    needs_words: ClassVar[bool] = False
    ranked: ClassVar[bool] = True

    @classmethod
    @abstractmethod
    def read(cls, source: Source) -> WordVectors:
        """Read the whole file.

        Raises:
            CorpusError: broken text: a line of another length, no number, not UTF-8.
            ArtifactError: a broken binary file, or one of another kind.
        """


def read_word_list(path: Path) -> list[str]:
    """The words of a list, one a line.

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


def listed_words(source: Source, rows: int) -> list[str]:
    """The words of the list that belongs to a file of rows.

    Raises:
        CorpusError: it has another length, or cannot be read.
    """
    if source.words is None:
        raise TypeError("a format with needs_words is read with a list")
    words = read_word_list(source.words)
    if len(words) != rows:
        raise CorpusError(
            f"{source.words}: {len(words):,} words for the {rows:,} rows of {source.path}", hint="one word a line"
        )
    return words


def float32_rows(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], where: str) -> FloatArray:
    """A matrix of any numbers as float32.

    Raises:
        ArtifactError: no matrix, no numbers, or some of them not finite.
    """
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise ArtifactError(
            f"{where}: shape {array.shape} of {array.dtype}, not a matrix of numbers", hint="one row a word"
        )
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(array, dtype=np.float32)
    bad = first_not_finite(rows)
    if bad is not None:
        raise ArtifactError(f"{where}: row {bad} has a number that is not finite", hint="mend or remove the row")
    return rows


def first_not_finite(rows: FloatArray) -> int | None:
    """The first row with a NaN or an infinity; None when there is none."""
    step = 1 << 14
    for start in range(0, len(rows), step):
        fine = np.isfinite(rows[start : start + step]).all(axis=1)
        if not fine.all():
            return start + int(np.argmin(fine))
    return None


def not_utf8(where: str, hint: str = "convert the file first: iconv -f latin1 -t utf-8") -> CorpusError:
    """The error for a word that is no text."""
    return CorpusError(f"{where} is not UTF-8", hint=hint)


def shown(word: bytes) -> str:
    """Some bytes for a message."""
    text = word.decode("utf-8", errors="replace")
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def decoded(word: bytes, where: str) -> str:
    """A word of a binary file.

    Raises:
        CorpusError: it is not UTF-8.
    """
    try:
        return word.decode("utf-8")
    except UnicodeDecodeError as error:
        hint = "damaged, or another --format? or the tool that wrote it cut long words in the middle of a character"
        raise not_utf8(f"{where}: '{shown(word)}'", hint) from error
