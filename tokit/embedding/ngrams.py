"""Character n-grams as fastText has them: which buckets a word's fall into, and the vectors of those buckets.

A token's vector is the mean of its own row and those of its n-grams; a word that is no token has the mean of its
n-grams alone. Buckets of which no n-gram occurred have no row here and count as zeros.
https://github.com/facebookresearch/fastText (src/dictionary.cc: computeSubwords, hash)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray, Pieces
from tokit.kernels.compiled.loader import kernel, pays
from tokit.kernels.layout import FNV_PRIME, FNV_START
from tokit.storage.safetensors import Rows

# Stands in a piece's text for bytes that are no character.
BROKEN = "\ufffd"
# FNV-1a, with the bytes taken for signed numbers.
LOW_32_BITS = 0xFFFFFFFF
SIGNED = [byte | 0xFFFFFF00 if byte >= 128 else byte for byte in range(256)]
# As long as Python needs for a byte here, a kernel's other callers need for so many.
COST_OF_A_BYTE = 50


class HasNgrams(Protocol):
    """What says which n-grams count."""

    @property
    def minn(self) -> int:
        """Characters of the shortest."""

    @property
    def maxn(self) -> int:
        """Characters of the longest."""

    @property
    def bucket(self) -> int:
        """They are hashed to so many numbers."""


@dataclass(frozen=True, slots=True)
class NgramTable:
    """What the vectors of a fasttext embedding are means of.

    Attributes:
        own: Each token's own row, zeros where the corpus has no such token; float32, shape (vocab, dim).
        ngrams: Rows of the buckets that occur; float32, shape (used, dim).
        ngram_buckets: The bucket of each of these rows, ascending; uint32, shape (used,).
        minn: Characters of the shortest n-gram.
        maxn: Characters of the longest.
        bucket: N-grams are hashed to so many numbers.
    """

    own: Rows
    ngrams: Rows
    ngram_buckets: npt.NDArray[np.uint32]
    minn: int
    maxn: int
    bucket: int

    def rows_of(self, buckets: npt.NDArray[np.uint32]) -> IntArray:
        """Where the rows of some buckets are; those that have none are left out."""
        if not len(self.ngram_buckets):
            return np.empty(0, dtype=np.int64)
        places = np.minimum(np.searchsorted(self.ngram_buckets, buckets), len(self.ngram_buckets) - 1)
        rows: IntArray = places[self.ngram_buckets[places] == buckets]
        return rows

    def compose(self, texts: Sequence[str]) -> Iterator[tuple[FloatArray, int]]:
        """The mean of each text's n-grams, and how many of them have a row; zeros when none has.

        It is what fastText gives for a word that it does not know.
        """
        found = ngram_buckets(texts, self)
        for buckets in np.split(found.rows, found.ends[:-1]) if len(texts) else ():
            rows = self.rows_of(buckets)
            total = self.ngrams[rows].sum(axis=0, dtype=np.float32)
            yield total / np.float32(max(len(buckets), 1)), len(rows)


class Ngrams(NamedTuple):
    """Numbers of the n-grams of some texts, one text after the other, and where each text's end."""

    rows: npt.NDArray[np.uint32]
    ends: IntArray


def ngram_buckets(texts: Sequence[str], params: HasNgrams) -> Ngrams:
    """The buckets of each text's n-grams, as fastText numbers them and in its order."""
    bordered = [f"<{text}>".encode("utf-8", "surrogatepass") for text in texts]
    if pays("hash_ngrams", COST_OF_A_BYTE * sum(map(len, bordered))):
        return _by_kernel(bordered, params)
    found = [list(_hashes(word, params)) for word in bordered]
    ends = np.cumsum([len(each) for each in found], dtype=np.int64)
    return Ngrams(np.array([i for each in found for i in each], dtype=np.uint32), ends)


def _by_kernel(bordered: Sequence[bytes], params: HasNgrams) -> Ngrams:
    data = np.frombuffer(b"".join(bordered), dtype=np.uint8)
    ends = np.cumsum([len(each) for each in bordered], dtype=np.int64)
    settings = params.minn, params.maxn, params.bucket
    row_ends = np.zeros(len(bordered), dtype=np.int64)
    hash_ngrams = kernel("hash_ngrams")
    rows = np.empty(hash_ngrams(data, ends, *settings, np.empty(0, dtype=np.uint32), row_ends), dtype=np.uint32)
    hash_ngrams(data, ends, *settings, rows, row_ends)
    return Ngrams(rows, row_ends)


def _hashes(word: bytes, params: HasNgrams) -> Iterator[int]:
    """The kernel's numbers, without waiting for a kernel."""
    starts = [i for i, byte in enumerate(word) if byte & 0xC0 != 0x80]
    characters = [word[start:end] for start, end in zip(starts, [*starts[1:], len(word)], strict=True)]
    last = len(characters) - 1
    for first in range(len(characters)):
        value = FNV_START
        for size, character in enumerate(characters[first : first + params.maxn], 1):
            for byte in character:
                value = ((value ^ SIGNED[byte]) * FNV_PRIME) & LOW_32_BITS
            # A border alone is no n-gram.
            if size >= params.minn and not (size == 1 and first in (0, last)):
                yield value % params.bucket


def ngram_text(pieces: Pieces, i: int) -> str:
    """What n-grams of a token are taken from."""
    text = pieces.texts[i]
    return pieces.names[i] if not text or BROKEN in text else text
