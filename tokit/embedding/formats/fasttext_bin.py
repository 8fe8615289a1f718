"""fastText's .bin: arguments, a dictionary with counts, the matrix of words and n-grams, and what is for training.

A word's vector is the mean of its own row and those of its character n-grams, as in fastText; the end-of-line word
`</s>` has no n-grams. floret's files begin with the same number and version, but have two arguments more.
https://github.com/facebookresearch/fastText (src/args.cc, dictionary.cc, densematrix.cc: save and load)
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.formats.base import Format, Source, WordVectors, decoded, first_not_finite
from tokit.errors import ArtifactError
from tokit.progress import Progress

MAGIC, VERSION = 793712314, 12
ARGUMENTS = struct.Struct("<2i12id")
FLORET_EXTRA = 8
DICTIONARY = struct.Struct("<3i2q")
ENTRY = struct.Struct("<qb")
SHAPE = struct.Struct("<?2q")
WORD = 0
END_OF_LINE = "</s>"
# So many words' n-grams are looked up at a time.
WORDS_AT_ONCE = 1 << 10


@dataclass(frozen=True, slots=True)
class NGrams:
    """Which n-grams the model has.

    Attributes:
        shortest: Characters of the shortest.
        longest: Characters of the longest; 0: none.
        buckets: They are hashed to so many rows, which follow those of the dictionary.
    """

    shortest: int
    longest: int
    buckets: int


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
        dim, ngrams = self._arguments()
        dictionary = self._dictionary()
        start = self._matrix(dictionary, dim, ngrams)
        if not dictionary.words:
            return WordVectors([], np.empty((0, dim), dtype=np.float32), dictionary.counts)
        rows = len(dictionary.words) + ngrams.buckets
        # NumPy's own map: the file's other may be closed when this one is done with.
        table = np.memmap(self._path, dtype="<f4", mode="r", offset=start, shape=(rows, dim))
        vectors = self._means(table, dictionary.words, ngrams)
        bad = first_not_finite(vectors)
        if bad is not None:
            raise ArtifactError(
                f"{self._path}: the vector of word {bad + 1:,} ('{dictionary.words[bad]}') is not finite",
                hint="damaged? fetch it again",
            )
        return WordVectors(dictionary.words, vectors, dictionary.counts)

    def _arguments(self) -> tuple[int, NGrams]:
        """Dimensions and n-grams.

        Raises:
            ArtifactError: another kind of file, or another version.
        """
        magic, version, dim, *_, buckets, shortest, longest, _, _ = ARGUMENTS.unpack_from(self._content)
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
        return dim, NGrams(shortest, longest, buckets)

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

    def _matrix(self, dictionary: Dictionary, dim: int, ngrams: NGrams) -> int:
        """Where the numbers of the matrix begin.

        Raises:
            ArtifactError: it is quantised, of another shape, or cut off.
        """
        quantised, height, width = SHAPE.unpack_from(self._content, dictionary.stop)
        if quantised:
            raise ArtifactError(
                f"{self._path}: a quantised model, whose vectors are only approximate",
                hint="import the .bin that it was made from",
            )
        rows = len(dictionary.words) + ngrams.buckets
        if (height, width) != (rows, dim):
            raise ArtifactError(
                f"{self._path}: byte {dictionary.stop:,}: a matrix of {height} × {width}, not {rows} × {dim}",
                hint="damaged? fetch it again",
            )
        start = dictionary.stop + SHAPE.size
        if start + 4 * height * width > len(self._content):
            raise _cut_off(self._source, len(self._content))
        return start

    def _means(self, table: FloatArray, words: list[str], ngrams: NGrams) -> FloatArray:
        vectors = np.empty((len(words), table.shape[1]), dtype=np.float32)
        for first in range(0, len(vectors), WORDS_AT_ONCE):
            last = min(first + WORDS_AT_ONCE, len(vectors))
            rows = [subword_rows(words[i], i, len(words), ngrams) for i in range(first, last)]
            lengths = np.array([len(each) for each in rows], dtype=np.int64)
            begins = np.cumsum(lengths) - lengths
            sums = np.add.reduceat(table[np.concatenate(rows)], begins, axis=0)
            vectors[first:last] = sums / lengths[:, None].astype(np.float32)
            self._source.tick(Progress("averaging", last, len(vectors), "words"))
        return vectors


def subword_rows(word: str, row: int, size: int, ngrams: NGrams) -> IntArray:
    """The rows whose mean is the vector of a word.

    Args:
        word: The word.
        row: Its own row.
        size: Rows of words, before those of the n-grams.
        ngrams: Which there are.
    """
    from gensim.models.fasttext import ft_ngram_hashes

    if ngrams.longest < 1 or word == END_OF_LINE:
        return np.array([row], dtype=np.int64)
    hashes = ft_ngram_hashes(word, ngrams.shortest, ngrams.longest, ngrams.buckets)
    return np.array([row, *(size + each for each in hashes)], dtype=np.int64)


def _cut_off(source: Source, size: int) -> ArtifactError:
    return ArtifactError(f"{source.path}: cut off at byte {size:,}", hint="fetch it again")
