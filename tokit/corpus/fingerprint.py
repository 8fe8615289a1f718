"""Hashes of documents: the fingerprint of a corpus, and the split into training and held-out documents.

Both take each document alone, so that order, threads, files and block borders make no difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokit.arrays import Block
from tokit.kernels.compiled.loader import kernel, kernel_pays_off
from tokit.kernels.layout import HASH_MIX_1, HASH_MIX_2, HASH_STEP

_MODULUS = 1 << 128
_ALL = (1 << 64) - 1

Hashes = npt.NDArray[np.uint64]


def hash_documents(block: Block, seed: int = 0) -> Hashes:
    """Hash each document to 128 bits, the same on every machine.

    Each eight bytes are mixed with their position, and the results added up. Different documents have equal hashes only
    by chance; the hash does not protect against someone who searches for such a pair.

    Args:
        block: Documents.
        seed: Another seed gives other hashes.

    Returns:
        Shape (documents, 2).
    """
    start = _seeded(seed)
    if kernel_pays_off("hash_documents", len(block.data)):
        hashes = np.empty((len(block), 2), dtype=np.uint64)
        kernel("hash_documents")(block.data, block.ends, start, hashes)
        return hashes
    return _hashed(block, np.uint64(start))


def _seeded(seed: int) -> int:
    """Mix a seed of any size and sign into 64 bits."""
    digits = str(seed).encode()
    value = 0
    for byte in digits:
        value = ((value ^ byte) * HASH_MIX_1 + HASH_STEP) & _ALL
    return value ^ (value >> 29)


def _hashed(block: Block, seed: np.uint64) -> Hashes:
    """Hash in NumPy, all eight-byte words at once, with the result of the kernel."""
    step, mix_1 = np.uint64(HASH_STEP), np.uint64(HASH_MIX_1)
    lengths = block.lengths
    counts = (lengths + 7) // 8
    firsts = np.cumsum(counts) - counts
    padded = np.zeros(int(counts.sum()) * 8, dtype=np.uint8)
    padded[np.arange(len(block.data)) + np.repeat(firsts * 8 - (block.ends - lengths), lengths)] = block.data
    places = np.arange(len(padded) // 8) - np.repeat(firsts, counts) + 1
    with np.errstate(over="ignore"):
        steps = seed + places.astype(np.uint64) * step
        one = _mixed(padded.view("<u8").astype(np.uint64) ^ steps)
        two = _mixed(one + steps)
        sizes = lengths.astype(np.uint64)
        ones = _mixed(_sums(one, counts) + sizes * step + seed)
        return np.stack([ones, _mixed(_sums(two, counts) + sizes * mix_1 + ~seed)], axis=1)


def _mixed(x: Hashes) -> Hashes:
    x = (x ^ (x >> np.uint64(33))) * np.uint64(HASH_MIX_1)
    x = (x ^ (x >> np.uint64(29))) * np.uint64(HASH_MIX_2)
    return np.asarray(x ^ (x >> np.uint64(32)), dtype=np.uint64)


def _sums(values: Hashes, counts: npt.NDArray[np.int64]) -> Hashes:
    """Sums of consecutive runs of values, modulo 2**64; a run may be empty."""
    totals = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(values, dtype=np.uint64)])
    ends = np.cumsum(counts)
    return np.asarray(totals[ends] - totals[ends - counts], dtype=np.uint64)


@dataclass(slots=True)
class Fingerprint:
    """A sum of document hashes, which identifies a corpus independently of the order of its documents.

    A sum tells repeated documents from single ones, where exclusive-or would cancel them. It does not protect against
    someone who invents documents to reach a certain sum.

    Attributes:
        total: Sum of the 128-bit hashes of all documents, modulo 2**128.
        documents: Number of documents.
        bytes: Bytes of their text, without line ends.
    """

    total: int = 0
    documents: int = 0
    bytes: int = 0

    @classmethod
    def of(cls, block: Block) -> Fingerprint:
        """Fingerprint of one block."""
        hashes = hash_documents(block)
        # Halves, so that sums of up to 2**32 documents fit.
        low = [int((hashes[:, part] & np.uint64(0xFFFFFFFF)).sum(dtype=np.uint64)) for part in (0, 1)]
        high = [int((hashes[:, part] >> np.uint64(32)).sum(dtype=np.uint64)) for part in (0, 1)]
        total = low[0] + (high[0] << 32) + ((low[1] + (high[1] << 32)) << 64)
        return cls(total % _MODULUS, len(block), len(block.data))

    def add(self, block: Block) -> None:
        """Add the documents of a block."""
        self.merge(Fingerprint.of(block))

    def merge(self, other: Fingerprint) -> None:
        """Add all documents of another fingerprint."""
        self.total = (self.total + other.total) % _MODULUS
        self.documents += other.documents
        self.bytes += other.bytes

    def hexdigest(self) -> str:
        """The sum as 32 hexadecimal digits; `int(digits, 16)` is `total` again."""
        return f"{self.total:032x}"


def split_mask(block: Block, fraction: float, seed: int = 0) -> npt.NDArray[np.bool_]:
    """Select the held-out documents of a block.

    A document is held out when its keyed 64-bit hash, divided by 2**64, is below the fraction. So equal documents
    are on the same side, and a smaller fraction holds out a subset of what a larger one does.

    Args:
        block: Documents.
        fraction: Fraction to hold out, 0 to 1.
        seed: Another seed holds out other documents.

    Returns:
        True where a document is held out; shape (documents,).

    Raises:
        ValueError: the fraction is not between 0 and 1.
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"the fraction is {fraction}, but must be between 0 and 1")
    # Multiplying by a power of two is exact, so no machine rounds a document to the other side.
    threshold = math.ceil(fraction * 2.0**64)
    if threshold > _ALL:
        return np.ones(len(block), dtype=np.bool_)
    return hash_documents(block, seed)[:, 0] < np.uint64(threshold)
