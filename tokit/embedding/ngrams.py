"""Character n-grams of fastText: hash buckets, and their vectors.

A token's vector is the mean of its own row and those of its n-grams; a word that is no token has the mean of its
n-grams alone. Buckets without an n-gram that occurs have no row here and count as zeros.
https://github.com/facebookresearch/fastText (src/dictionary.cc: computeSubwords, hash)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tokit.arrays import REPLACEMENT, FloatArray, IntArray, Pieces
from tokit.kernels.compiled.loader import kernel, kernel_pays_off
from tokit.kernels.layout import FNV_PRIME, FNV_START
from tokit.storage.safetensors import Rows

# FNV-1a on signed bytes, as in fastText.
LOW_32_BITS = 0xFFFFFFFF
SIGNED = [byte | 0xFFFFFF00 if byte >= 128 else byte for byte in range(256)]
# Cost of a byte here in Python, in bytes of the work of other kernels: `pays` counts in those.
COST_OF_A_BYTE = 50


class HasNgrams(Protocol):
    """Settings of n-grams."""

    @property
    def minn(self) -> int:
        """Characters of the shortest n-grams."""

    @property
    def maxn(self) -> int:
        """Characters of the longest n-grams."""

    @property
    def bucket(self) -> int:
        """Number of hash buckets."""


@dataclass(frozen=True, slots=True)
class NgramTable:
    """Rows that the vectors of a fastText embedding are means of.

    Attributes:
        own: Own row of each token, zeros where the corpus does not have the token; float32, shape (vocab, dim).
        ngrams: Rows of the hash buckets that occur; float32, shape (used, dim).
        ngram_buckets: Bucket of each of these rows, ascending; uint32, shape (used,).
        minn: Characters of the shortest n-grams.
        maxn: Characters of the longest n-grams.
        bucket: Number of hash buckets.
    """

    own: Rows
    ngrams: Rows
    ngram_buckets: npt.NDArray[np.uint32]
    minn: int
    maxn: int
    bucket: int

    @property
    def settings(self) -> dict[str, int]:
        """Settings of the n-grams, by parameter name."""
        return {"minn": self.minn, "maxn": self.maxn, "bucket": self.bucket}

    def rows_of(self, buckets: npt.NDArray[np.uint32]) -> IntArray:
        """Indices of the rows of buckets; buckets without a row are skipped."""
        if not len(self.ngram_buckets):
            return np.empty(0, dtype=np.int64)
        places = np.minimum(np.searchsorted(self.ngram_buckets, buckets), len(self.ngram_buckets) - 1)
        rows: IntArray = places[self.ngram_buckets[places] == buckets]
        return rows

    def compose(self, texts: Sequence[str]) -> Iterator[tuple[FloatArray, int]]:
        """Mean of each text's n-grams, and the number of them that have a row; zeros when none has.

        It is fastText's vector of an unknown word.
        """
        found = ngram_buckets(texts, self)
        for buckets in np.split(found.rows, found.ends[:-1]) if len(texts) else ():
            rows = self.rows_of(buckets)
            total = self.ngrams[rows].sum(axis=0, dtype=np.float32)
            yield total / np.float32(max(len(buckets), 1)), len(rows)


class Ngrams(NamedTuple):
    """Buckets of the n-grams of texts, one text after the other, and the end of each text."""

    rows: npt.NDArray[np.uint32]
    ends: IntArray


def ngram_buckets(texts: Sequence[str | bytes], params: HasNgrams) -> Ngrams:
    """Hash buckets of each text's n-grams, as in fastText and in its order; of bytes that need not be UTF-8, too."""
    bordered = [b"<" + _as_bytes(text) + b">" for text in texts]
    if kernel_pays_off("hash_ngrams", COST_OF_A_BYTE * sum(map(len, bordered))):
        return _by_kernel(bordered, params)
    found = [list(_hashes(word, params)) for word in bordered]
    ends = np.cumsum([len(hashes) for hashes in found], dtype=np.int64)
    return Ngrams(np.array([i for hashes in found for i in hashes], dtype=np.uint32), ends)


def _as_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def _by_kernel(bordered: Sequence[bytes], params: HasNgrams) -> Ngrams:
    data = np.frombuffer(b"".join(bordered), dtype=np.uint8)
    ends = np.cumsum([len(word) for word in bordered], dtype=np.int64)
    settings = params.minn, params.maxn, params.bucket
    row_ends = np.zeros(len(bordered), dtype=np.int64)
    hash_ngrams = kernel("hash_ngrams")
    rows = np.empty(hash_ngrams(data, ends, *settings, np.empty(0, dtype=np.uint32), row_ends), dtype=np.uint32)
    hash_ngrams(data, ends, *settings, rows, row_ends)
    return Ngrams(rows, row_ends)


def _hashes(word: bytes, params: HasNgrams) -> Iterator[int]:
    """Buckets of a word in Python, for little text: a kernel has to be loaded."""
    starts = [i for i, byte in enumerate(word) if byte & 0xC0 != 0x80]
    characters = [word[start:end] for start, end in zip(starts, [*starts[1:], len(word)], strict=True)]
    last = len(characters) - 1
    for first in range(len(characters)):
        value = FNV_START
        for size, character in enumerate(characters[first : first + params.maxn], 1):
            for byte in character:
                value = ((value ^ SIGNED[byte]) * FNV_PRIME) & LOW_32_BITS
            # A border alone is not an n-gram.
            if size >= params.minn and not (size == 1 and first in (0, last)):
                yield value % params.bucket


def ngram_text(pieces: Pieces, i: int) -> str:
    """Text whose n-grams a token has."""
    text = pieces.texts[i]
    return pieces.names[i] if not text or REPLACEMENT in text else text
