"""fastText's .bin: arguments, a dictionary with counts, the matrix of words and n-grams, and what is for training.

A word's vector is the mean of its own row and those of its character n-grams, as in fastText; the end-of-line word
`</s>` has no n-grams. Of the buckets of n-grams those are kept that are not all zeros. floret's files begin with the
same number and version, but have two arguments more.
https://github.com/facebookresearch/fastText (src/args.cc, dictionary.cc, densematrix.cc: save and load)
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.formats.base import Format, Source, WordVectors, decoded, first_not_finite
from tokit.embedding.ngrams import NgramTable, ngram_buckets
from tokit.errors import ArtifactError
from tokit.progress import Progress
from tokit.storage.safetensors import Rows, SelectedRows

MAGIC, VERSION = 793712314, 12
ARGUMENTS = struct.Struct("<2i12id")
FLORET_EXTRA = 8
DICTIONARY = struct.Struct("<3i2q")
ENTRY = struct.Struct("<qb")
SHAPE = struct.Struct("<?2q")
WORD = 0
END_OF_LINE = "</s>"
# So many words' n-grams are looked up at a time.
WORDS_AT_ONCE = 1 << 14
ROWS_AT_ONCE = 1 << 15


# What tells models apart: the loss and the kind, as the file numbers them.
NEGATIVE_SAMPLING, SUPERVISED = 2, 3


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the model was trained with, as far as it matters here.

    Attributes:
        dim: Columns.
        loss: `NEGATIVE_SAMPLING` or another.
        kind: Bag of words, skip-gram, or `SUPERVISED`.
        minn: Characters of the shortest n-gram.
        maxn: Characters of the longest; 0: none.
        bucket: They are hashed to so many rows, which follow those of the dictionary.
    """

    dim: int
    loss: int
    kind: int
    minn: int
    maxn: int
    bucket: int


@dataclass(frozen=True, slots=True)
class Dictionary:
    """The words of a model.

    Attributes:
        words: In the order of their rows. The labels of a classifier, which follow them, are no words and have no row.
        counts: How often the corpus had each; int64.
        stop: The byte behind it.
    """

    words: list[str]
    counts: IntArray
    stop: int


class FastTextBin(Format):
    """A model of fastText that is not quantised."""

    name: ClassVar[str] = "fasttext-bin"

    @classmethod
    def read(cls, source: Source) -> WordVectors:
        if not source.path.stat().st_size:
            raise ArtifactError(f"{source.path}: the file is empty", hint="fetch it again")
        with source.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return _Model(source, content).read()
            except struct.error as error:
                raise _cut_off(source, len(content)) from error


class _Model:
    def __init__(self, source: Source, content: mmap.mmap) -> None:
        self._source, self._content = source, content
        self._path = source.path

    def read(self) -> WordVectors:
        arguments = self._arguments()
        dictionary = self._dictionary()
        size, dim = len(dictionary.words), arguments.dim
        start = self._matrix(dictionary.stop, (size + arguments.bucket, dim))
        if not dictionary.words:
            return WordVectors([], np.empty((0, dim), dtype=np.float32), dictionary.counts)
        table = self._mapped(start, (size + arguments.bucket, dim))
        vectors = self._means(table, dictionary.words, arguments)
        bad = first_not_finite(vectors)
        if bad is not None:
            raise ArtifactError(
                f"{self._path}: the vector of word {bad + 1:,} ('{dictionary.words[bad]}') is not finite",
                hint="damaged? fetch it again",
            )
        ngrams = self._ngrams(table, size, arguments)
        output = self._output(start + 4 * table.size, size, arguments)
        return WordVectors(dictionary.words, vectors, dictionary.counts, ngrams, output)

    def _mapped(self, start: int, shape: tuple[int, int]) -> FloatArray:
        # NumPy's own map: the file's other may be closed when this one is done with.
        return np.memmap(self._path, dtype="<f4", mode="r", offset=start, shape=shape)

    def _arguments(self) -> Arguments:
        """What the model was trained with.

        Raises:
            ArtifactError: another kind of file, or another version.
        """
        magic, version, dim, *_, loss, kind, buckets, shortest, longest, _, _ = ARGUMENTS.unpack_from(self._content)
        if magic != MAGIC:
            raise ArtifactError(f"{self._path}: not a model of fastText", hint="leave --format out")
        if version != VERSION:
            raise ArtifactError(
                f"{self._path}: version {version} of fastText's format, not {VERSION}",
                hint="load and save it with a fastText of 2017 or later",
            )
        if not self._is_dictionary(ARGUMENTS.size):
            if self._is_dictionary(ARGUMENTS.size + FLORET_EXTRA):
                raise ArtifactError(
                    f"{self._path}: a model of floret, not of fastText",
                    hint="have floret write its vectors as text: model.save_vectors('words.vec')",
                )
            raise ArtifactError(f"{self._path}: byte {ARGUMENTS.size}: no dictionary there", hint="damaged?")
        if dim < 1 or (longest > 0 and buckets < 1) or buckets < 0:
            raise ArtifactError(f"{self._path}: {dim} dimensions and {buckets} buckets", hint="damaged?")
        return Arguments(dim, loss, kind, shortest, longest, buckets)

    def _is_dictionary(self, at: int) -> bool:
        size, words, labels, tokens, pruned = DICTIONARY.unpack_from(self._content, at)
        return bool(words >= 0 and labels >= 0 and size == words + labels and tokens >= 0 and pruned >= -1)

    def _dictionary(self) -> Dictionary:
        """The words and their counts.

        Raises:
            ArtifactError: it is cut off.
            CorpusError: a word is not UTF-8.
        """
        size, number, _, _, pruned = DICTIONARY.unpack_from(self._content, ARGUMENTS.size)
        at = ARGUMENTS.size + DICTIONARY.size
        words: list[str] = []
        if size * (ENTRY.size + 1) > len(self._content):
            raise _cut_off(self._source, len(self._content))
        counts = np.empty(number, dtype=np.int64)
        for row in range(size):
            stop = self._content.find(b"\0", at)
            if stop < 0:
                raise _cut_off(self._source, len(self._content))
            count, kind = ENTRY.unpack_from(self._content, stop + 1)
            if (kind == WORD) != (row < number):
                raise ArtifactError(f"{self._path}: byte {at:,}: a label among the words", hint="damaged?")
            if row < number:
                counts[row] = count
                words.append(decoded(self._content[at:stop], f"{self._path}: word {row + 1:,}, byte {at:,}"))
            at = stop + 1 + ENTRY.size
        return Dictionary(words, counts, at + 8 * max(pruned, 0))

    def _matrix(self, at: int, shape: tuple[int, int]) -> int:
        """Where the numbers of a matrix begin.

        Raises:
            ArtifactError: it is quantised, of another shape, or cut off.
        """
        quantised, height, width = SHAPE.unpack_from(self._content, at)
        if quantised:
            raise ArtifactError(
                f"{self._path}: a quantised model, whose vectors are only approximate",
                hint="import the .bin that it was made from",
            )
        if (height, width) != shape:
            raise ArtifactError(
                f"{self._path}: byte {at:,}: a matrix of {height} × {width}, not {shape[0]} × {shape[1]}",
                hint="damaged? fetch it again",
            )
        start = at + SHAPE.size
        if start + 4 * height * width > len(self._content):
            raise _cut_off(self._source, len(self._content))
        return start

    def _means(self, table: FloatArray, words: list[str], arguments: Arguments) -> FloatArray:
        vectors = np.array(table[: len(words)])
        if arguments.maxn < 1:
            return vectors
        for first in range(0, len(vectors), WORDS_AT_ONCE):
            last = min(first + WORDS_AT_ONCE, len(vectors))
            found = ngram_buckets(words[first:last], arguments)
            starts = np.concatenate([[0], found.ends[:-1]])
            for i, start, end in zip(range(first, last), starts.tolist(), found.ends.tolist(), strict=True):
                if words[i] != END_OF_LINE:
                    vectors[i] += table[len(words) + found.rows[start:end].astype(np.int64)].sum(axis=0)
                    vectors[i] /= np.float32(end - start + 1)
            self._source.tick(Progress("averaging", last, len(vectors), "words"))
        return vectors

    def _ngrams(self, table: FloatArray, size: int, arguments: Arguments) -> NgramTable | None:
        """The buckets that are not all zeros, and the words' own rows.

        Raises:
            ArtifactError: a number of theirs is not finite.
        """
        if arguments.maxn < 1 or not self._source.subwords:
            return None
        used = self._used(table[size:])
        rows: Rows = table[size:]
        if len(used) < arguments.bucket:
            rows = SelectedRows(table, used + np.int64(size))
        return NgramTable(table[:size], rows, used.astype(np.uint32), arguments.minn, arguments.maxn, arguments.bucket)

    def _used(self, rows: FloatArray) -> npt.NDArray[np.int64]:
        used = np.zeros(len(rows), dtype=np.bool_)
        for first in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[first : first + ROWS_AT_ONCE]
            bad = first_not_finite(some)
            if bad is not None:
                raise ArtifactError(
                    f"{self._path}: n-gram bucket {first + bad:,} has a number that is not finite",
                    hint="damaged? fetch it again, or leave n-grams out: --no-ngrams",
                )
            used[first : first + ROWS_AT_ONCE] = some.any(axis=1)
            self._source.tick(Progress("reading", min(first + ROWS_AT_ONCE, len(rows)), len(rows), "n-grams"))
        return np.flatnonzero(used)

    def _output(self, at: int, size: int, arguments: Arguments) -> Rows | None:
        """The other half of the model, where it has a row for each word.

        Raises:
            ArtifactError: it is quantised, of another shape, or cut off.
        """
        if at == len(self._content) or arguments.kind == SUPERVISED or arguments.loss != NEGATIVE_SAMPLING:
            return None
        return self._mapped(self._matrix(at, (size, arguments.dim)), (size, arguments.dim))


def _cut_off(source: Source, size: int) -> ArtifactError:
    return ArtifactError(f"{source.path}: cut off at byte {size:,}", hint="fetch it again")
