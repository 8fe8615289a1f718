"""fastText's .bin: arguments, a dictionary with counts, the matrix of words and n-grams, output vectors.

A word's vector is the mean of its own row and those of its character n-grams, as in fastText; the end-of-line word
`</s>` has no n-grams. Of the buckets of n-grams those are kept that are not all zeros. floret's files begin with the
same magic number and version, but have two more arguments.
https://github.com/facebookresearch/fastText (src/args.cc, dictionary.cc, densematrix.cc: save and load)
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, cast

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.formats.bad_rows import RowErrors, not_utf8, shown
from tokit.embedding.formats.base import (
    ExportedVectors,
    ReadableFormat,
    VectorFile,
    WordVectors,
    WritableFormat,
    finite_rows,
    first_not_finite,
)
from tokit.embedding.formats.fasttext_header import (
    ARGUMENTS,
    CBOW,
    DICTIONARY,
    MAGIC,
    NEGATIVE_SAMPLING,
    OLD_DICTIONARY,
    OLD_SHAPE,
    SHAPE,
    SKIPGRAM,
    START,
    SUPERVISED,
    VERSION,
    Arguments,
    read_arguments,
)
from tokit.embedding.formats.verification import END_OF_LINE, verify_bin
from tokit.embedding.ngrams import NgramTable, ngram_buckets
from tokit.errors import ArtifactError, UsageError
from tokit.progress import Progress
from tokit.storage.array_files import map_array
from tokit.storage.safetensors import Rows, SelectedRows

ENTRY = struct.Struct("<qb")
PRUNED = struct.Struct("<2i")
WORD = 0
TRUNCATED_WORD = "fastText truncates long words within a character"
# Words whose n-grams are looked up at a time, and rows of n-grams that are read and written at a time.
WORDS_AT_ONCE = 1 << 14
ROWS_AT_ONCE = 1 << 15
BUCKETS_AT_ONCE = 1 << 14
# fastText's defaults: word n-grams, and tokens between two updates of the learning rate.
WORD_NGRAMS, UPDATE_RATE = 1, 100
LARGEST = (1 << 31) - 1
NOT_PRUNED = -1


@dataclass(frozen=True, slots=True)
class Dictionary:
    """The words of a model.

    Attributes:
        words: In the order of their rows. The labels of a classifier, which follow them, have no row.
        counts: Occurrences of each word in the training corpus; int64.
        stop: The byte offset behind the dictionary.
    """

    words: list[bytes]
    counts: IntArray
    stop: int


class FastTextBin(ReadableFormat, WritableFormat):
    """A model of fastText that is not quantized."""

    forbidden: ClassVar[str] = "\0"
    by_text: ClassVar[bool] = True
    readable_as: ClassVar[tuple[str, ...]] = ("fasttext-bin",)

    @classmethod
    def read(cls, file: VectorFile) -> WordVectors:
        if not file.source.head:
            raise ArtifactError(f"{file.name}: the file is empty", hint="fetch it again")
        path = file.source.plain_path()
        with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return _ModelReader(file, path, content).read()
            except struct.error as error:
                raise _truncated(file, len(content)) from error

    @classmethod
    def write(cls, exported: ExportedVectors, file: BinaryIO) -> None:
        bucket = exported.ngrams.bucket if exported.ngrams else 0
        if bucket > LARGEST:
            raise UsageError(
                f"the embedding has {bucket:,} buckets, fastText numbers no more than {LARGEST:,}",
                hint="fit it with --bucket 2000000",
            )
        file.write(_packed_arguments(exported, bucket))
        _write_dictionary(exported, file)
        size = len(exported.words)
        file.write(SHAPE.pack(False, size + bucket, exported.dim))
        _write_own(exported, file)
        if exported.ngrams:
            _write_ngrams(exported, exported.ngrams, file)
        file.write(SHAPE.pack(False, size, exported.dim))
        for part in exported.parts():
            rows = np.zeros((part.stop - part.start, exported.dim), dtype="<f4")
            if exported.output is not None:
                rows[:] = exported.output[exported.ids[part]]
            file.write(rows.data)

    @classmethod
    def verify(cls, exported: ExportedVectors, path: Path) -> tuple[str, ...]:
        return verify_bin(exported, path)


class _ModelReader:
    def __init__(self, source: VectorFile, path: Path, content: mmap.mmap) -> None:
        self._source, self._path, self._content = source, path, content
        self._name, self._errors = source.name, RowErrors(source.errors)
        self._shape = SHAPE

    def read(self) -> WordVectors:
        # A map is sliced as bytes are.
        arguments = read_arguments(cast(bytes, self._content), self._name)
        self._shape = OLD_SHAPE if arguments.old else SHAPE
        dictionary = self._dictionary(arguments)
        size, dim = len(dictionary.words), arguments.dim
        start = self._matrix(dictionary.stop, (size + arguments.bucket, dim))
        words = dictionary.words[: self._source.limit]
        if not words:
            return WordVectors([], np.empty((0, dim), dtype=np.float32), dictionary.counts)
        table = self._mapped(start, (size + arguments.bucket, dim))
        vectors = self._means(table, words, size, arguments)
        names, usable = self._usable(words, vectors)
        ngrams = self._ngrams(table, size, usable, arguments)
        output = self._output(start + 4 * table.size, size, arguments)
        whole = len(usable) == len(dictionary.words)
        return WordVectors(
            names,
            vectors if whole else vectors[usable],
            dictionary.counts[usable],
            ngrams,
            output if output is None or whole else SelectedRows(output, usable),
            self._errors.bad(),
        )

    def _usable(self, words: list[bytes], vectors: FloatArray) -> tuple[list[str], IntArray]:
        """Words as text, and the rows of those that have a name and a finite vector."""
        finite = finite_rows(vectors)
        names: list[str] = []
        usable: list[int] = []
        for i, word in enumerate(words):
            place = f"word {i + 1:,}"
            where = f"{self._name}: {place} ('{shown(word)}')"
            if not finite[i]:
                self._errors.not_finite(where, place, ArtifactError)
                continue
            name = self._errors.word(word, place, lambda _, where=where: not_utf8(where, (), TRUNCATED_WORD))  # type: ignore[misc]
            if name is not None:
                names.append(name)
                usable.append(i)
        return names, np.array(usable, dtype=np.int64)

    def _mapped(self, start: int, shape: tuple[int, int]) -> FloatArray:
        # A map of its own: the one of the reader may be closed before this is dropped.
        return map_array(self._path, "<f4", start, shape)

    def _dictionary(self, arguments: Arguments) -> Dictionary:
        """Read the words and their counts.

        Raises:
            ArtifactError: it is truncated.
        """
        layout = OLD_DICTIONARY if arguments.old else DICTIONARY
        size, number, _, _, pruned = (*layout.unpack_from(self._content, arguments.dictionary), NOT_PRUNED)[:5]
        at = arguments.dictionary + layout.size
        words: list[bytes] = []
        if size * (ENTRY.size + 1) + PRUNED.size * max(pruned, 0) > len(self._content):
            raise _truncated(self._source, len(self._content))
        counts = np.empty(number, dtype=np.int64)
        for row in range(size):
            stop = self._content.find(b"\0", at)
            if stop < 0:
                raise _truncated(self._source, len(self._content))
            count, kind = ENTRY.unpack_from(self._content, stop + 1)
            if (kind == WORD) != (row < number):
                raise ArtifactError(f"{self._name}: byte {at:,}: a label among the words", hint="damaged?")
            if row < number:
                counts[row] = count
                words.append(self._content[at:stop])
            at = stop + 1 + ENTRY.size
        return Dictionary(words, counts, at + PRUNED.size * max(pruned, 0))

    def _matrix(self, at: int, shape: tuple[int, int]) -> int:
        """Byte offset of the numbers of a matrix.

        Raises:
            ArtifactError: it is quantized, of another shape, or truncated.
        """
        *quantized, height, width = self._shape.unpack_from(self._content, at)
        if any(quantized):
            raise ArtifactError(
                f"{self._name}: a quantized model, whose vectors are only approximate",
                hint="import the .bin that it was made from",
            )
        if (height, width) != shape:
            raise ArtifactError(
                f"{self._name}: byte {at:,}: a matrix of {height} × {width}, not {shape[0]} × {shape[1]}",
                hint="damaged? fetch it again",
            )
        start = at + self._shape.size
        if start + 4 * height * width > len(self._content):
            raise _truncated(self._source, len(self._content))
        return start

    def _means(self, table: FloatArray, words: list[bytes], size: int, arguments: Arguments) -> FloatArray:
        vectors = np.array(table[: len(words)])
        if arguments.maxn < 1:
            return vectors
        for first in range(0, len(vectors), WORDS_AT_ONCE):
            last = min(first + WORDS_AT_ONCE, len(vectors))
            found = ngram_buckets(words[first:last], arguments)
            starts = np.concatenate([[0], found.ends[:-1]])
            for i, start, end in zip(range(first, last), starts.tolist(), found.ends.tolist(), strict=True):
                if words[i] != END_OF_LINE.encode():
                    vectors[i] += table[size + found.rows[start:end].astype(np.int64)].sum(axis=0)
                    vectors[i] /= np.float32(end - start + 1)
            self._source.tick(Progress("averaging", last, len(vectors), "words"))
        return vectors

    def _ngrams(self, table: FloatArray, size: int, usable: IntArray, arguments: Arguments) -> NgramTable | None:
        """Buckets that are not all zeros, and the own rows of the words that are kept.

        Raises:
            ArtifactError: a number in them is not finite.
        """
        if arguments.maxn < 1 or not self._source.subwords:
            return None
        used = self._used_buckets(table[size:])
        rows: Rows = table[size:]
        if len(used) < arguments.bucket:
            rows = SelectedRows(table, used + np.int64(size))
        own = table[:size] if len(usable) == size else SelectedRows(table, usable)
        return NgramTable(own, rows, used.astype(np.uint32), arguments.minn, arguments.maxn, arguments.bucket)

    def _used_buckets(self, rows: FloatArray) -> npt.NDArray[np.int64]:
        used = np.zeros(len(rows), dtype=np.bool_)
        for first in range(0, len(rows), ROWS_AT_ONCE):
            part = rows[first : first + ROWS_AT_ONCE]
            bad = first_not_finite(part)
            if bad is not None:
                raise ArtifactError(
                    f"{self._name}: n-gram bucket {first + bad:,} has a number that is not finite",
                    hint="damaged? fetch it again, or skip the n-grams: --no-ngrams",
                )
            used[first : first + ROWS_AT_ONCE] = part.any(axis=1)
            self._source.tick(Progress("reading", min(first + ROWS_AT_ONCE, len(rows)), len(rows), "n-grams"))
        return np.flatnonzero(used)

    def _output(self, at: int, size: int, arguments: Arguments) -> Rows | None:
        """Output vectors, if the model has one for each word.

        Raises:
            ArtifactError: it is quantized, of another shape, or truncated.
        """
        if at == len(self._content) or arguments.kind == SUPERVISED or arguments.loss != NEGATIVE_SAMPLING:
            return None
        return self._mapped(self._matrix(at, (size, arguments.dim)), (size, arguments.dim))


def _truncated(source: VectorFile, size: int) -> ArtifactError:
    return ArtifactError(f"{source.name}: truncated at byte {size:,}", hint="fetch it again")


def _packed_arguments(exported: ExportedVectors, buckets: int) -> bytes:
    params, table = exported.params, exported.ngrams
    return START.pack(MAGIC, VERSION) + ARGUMENTS.pack(
        exported.dim, _number(params, "window"), _number(params, "epochs"), 1,
        _number(params, "negative"), WORD_NGRAMS, NEGATIVE_SAMPLING, CBOW if exported.cbow else SKIPGRAM,
        buckets, table.minn if table else 0, table.maxn if table else 0, UPDATE_RATE,
        float(params.get("sample", 1e-4)),
    )  # fmt: skip


def _number(params: dict[str, Any], name: str) -> int:
    value = params.get(name)
    return value if isinstance(value, int) and 0 < value <= LARGEST else 5


def _write_dictionary(exported: ExportedVectors, file: BinaryIO) -> None:
    size = len(exported.words)
    file.write(DICTIONARY.pack(size, size, 0, int(exported.counts.sum()), NOT_PRUNED))
    for part in exported.parts():
        entries = zip(exported.words[part], exported.counts[part].tolist(), strict=True)
        file.write(b"".join([word.encode() + b"\0" + ENTRY.pack(count, WORD) for word, count in entries]))


def _write_own(exported: ExportedVectors, file: BinaryIO) -> None:
    own = exported.ngrams.own if exported.ngrams else exported.vectors
    for part in exported.parts():
        rows = np.array(own[exported.ids[part]], dtype="<f4")
        if exported.ngrams:
            _respell(exported, exported.ngrams, part, rows)
        if END_OF_LINE in exported.words[part]:
            place = exported.words[part].index(END_OF_LINE)
            rows[place] = exported.vectors[exported.ids[part][place]]
        file.write(rows.data)
        exported.tick(Progress("writing", part.stop, len(exported.words), "words"))


def _respell(exported: ExportedVectors, table: NgramTable, part: slice, rows: FloatArray) -> None:
    """Change own rows so that words have their token's vector, though they have other n-grams than its text.

    "river" lacks n-grams of the token " river".
    """
    places = np.flatnonzero(exported.respelled[part])
    if not len(places):
        return
    words = [exported.words[part.start + place] for place in places.tolist()]
    found = ngram_buckets(words, table)
    for place, buckets in zip(places.tolist(), np.split(found.rows, found.ends[:-1]), strict=True):
        vector = exported.vectors[exported.ids[part.start + place]].astype(np.float64)
        total = table.ngrams[table.rows_of(buckets)].sum(axis=0, dtype=np.float64)
        rows[place] = vector * (len(buckets) + 1) - total


def _write_ngrams(exported: ExportedVectors, table: NgramTable, file: BinaryIO) -> None:
    """Write every bucket's row. Those without n-grams are zeros; a long run of them becomes a hole in the file."""
    numbers = table.ngram_buckets
    for first in range(0, table.bucket, BUCKETS_AT_ONCE):
        last = min(first + BUCKETS_AT_ONCE, table.bucket)
        start, end = np.searchsorted(numbers, [first, last]).tolist()
        if start == end:
            file.seek(4 * exported.dim * (last - first), 1)
            continue
        rows = np.zeros((last - first, exported.dim), dtype="<f4")
        rows[numbers[start:end].astype(np.int64) - first] = table.ngrams[start:end]
        file.write(rows.data)
        exported.tick(Progress("writing", last, table.bucket, "n-gram buckets"))
