"""N-grams of words, numbered as fastText numbers them."""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import i64, jit, number, u8, u32
from tokit.kernels.layout import FNV_PRIME, FNV_START

# FNV-1a, with the bytes taken for signed numbers, as fastText does: https://fasttext.cc (Dictionary::hash).
_START, _PRIME = np.uint32(FNV_START), np.uint32(FNV_PRIME)


@jit
def _hash_ngrams(data, ends, shortest, longest, buckets, rows, row_ends):
    used = np.int64(0)
    start = np.int64(0)
    for word in range(len(ends)):
        end = ends[word]
        for i in range(start, end):
            if data[i] & 0xC0 == 0x80:
                continue
            h = _START
            j = i
            size = 1
            while j < end and size <= longest:
                byte = np.uint32(data[j])
                h = np.uint32((h ^ (byte | (np.uint32(0xFFFFFF00) if byte >= 128 else np.uint32(0)))) * _PRIME)
                j += 1
                while j < end and data[j] & 0xC0 == 0x80:
                    h = np.uint32((h ^ (np.uint32(data[j]) | np.uint32(0xFFFFFF00))) * _PRIME)
                    j += 1
                # A border alone is no n-gram.
                if size >= shortest and not (size == 1 and (i == start or j == end)):
                    if len(rows):
                        rows[used] = np.uint32(np.uint64(h) % np.uint64(buckets))
                    used += 1
                size += 1
        row_ends[word] = used
        start = end
    return used


def hash_ngrams(a):
    """Buckets of the n-grams of words, as fastText numbers them.

    Arguments: the words' bytes with their borders, "<" and ">"; ends; characters of the shortest and of the longest
    n-gram; buckets; rows: written, or empty to count only; ends of each word's rows: written.

    Returns:
        How many n-grams there are.
    """
    return _hash_ngrams(u8(a, 0), i64(a, 1), number(a, 2), number(a, 3), number(a, 4), u32(a, 5), i64(a, 6))
