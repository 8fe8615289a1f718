"""Hash documents, as `tokit/corpus/fingerprint.py` does."""

from __future__ import annotations

import numpy as np

from tokit.kernels.compiled.intrinsics import (
    i64,
    inlined,
    jit,
    load64,
    number,
    u8,
    u64,
)
from tokit.kernels.layout import (
    HASH_MIX_1,
    HASH_MIX_2,
    HASH_STEP,
)

_STEP, _MIX_1, _MIX_2 = np.uint64(HASH_STEP), np.uint64(HASH_MIX_1), np.uint64(HASH_MIX_2)


@inlined
def _mixed(x):
    x = (x ^ (x >> np.uint64(33))) * _MIX_1
    x = (x ^ (x >> np.uint64(29))) * _MIX_2
    return x ^ (x >> np.uint64(32))


@jit
def _hash_documents(data, ends, seed, hashes):
    start = np.int64(0)
    for document in range(len(ends)):
        end = ends[document]
        length = end - start
        one = np.uint64(0)
        two = np.uint64(0)
        step = seed
        for i in range(start, end - 7, 8):
            step += _STEP
            mixed = _mixed(load64(data, i) ^ step)
            one += mixed
            two += _mixed(mixed + step)
        if length & 7:
            word = np.uint64(0)
            for k in range(end - 1, end - (length & 7) - 1, -1):
                word = (word << np.uint64(8)) | np.uint64(data[k])
            step += _STEP
            mixed = _mixed(word ^ step)
            one += mixed
            two += _mixed(mixed + step)
        hashes[2 * document] = _mixed(one + np.uint64(length) * _STEP + seed)
        hashes[2 * document + 1] = _mixed(two + np.uint64(length) * _MIX_1 + ~seed)
        start = end
    return 0


def hash_documents(a):
    """128 bits of each document, in two uint64. Arguments: data, ends, seed; hashes: written, two a document."""
    return _hash_documents(u8(a, 0), i64(a, 1), np.uint64(number(a, 2)), u64(a, 3))
