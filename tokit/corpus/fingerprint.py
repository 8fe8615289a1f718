"""Hashes of documents: what a corpus holds, and which of its documents are held out.

Both look at each document alone, so that order, threads, files and block borders make no difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from tokit.arrays import Block

_MODULUS = 1 << 128


@dataclass(slots=True)
class Fingerprint:
    """A sum of document hashes, which tells two corpora apart whatever the order of their documents.

    Adding keeps repeated documents apart from single ones, where exclusive-or would cancel them. It is no protection
    against someone who makes up documents to reach a certain sum.

    Attributes:
        total: Sum of the 128-bit hashes of all documents, modulo 2**128.
        documents: How many there were.
        bytes: Their bytes, without line ends.
    """

    total: int = 0
    documents: int = 0
    bytes: int = 0

    def add(self, block: Block) -> None:
        """Count the documents of a block in."""
        hashes = (blake2b(document, digest_size=16).digest() for document in block.documents())
        self.total = (self.total + sum(int.from_bytes(each, "little") for each in hashes)) % _MODULUS
        self.documents += len(block)
        self.bytes += len(block.data)

    def merge(self, other: Fingerprint) -> None:
        """Count all documents of another fingerprint in."""
        self.total = (self.total + other.total) % _MODULUS
        self.documents += other.documents
        self.bytes += other.bytes

    def hexdigest(self) -> str:
        """The sum as 32 hexadecimal digits; `int(digits, 16)` is `total` again."""
        return f"{self.total:032x}"


def split_mask(block: Block, fraction: float, seed: int = 0) -> npt.NDArray[np.bool_]:
    """Which documents of a block are held out.

    A document is held out when its keyed 64-bit hash, divided by 2**64, is below the fraction. Equal documents so fall
    on the same side, and a smaller fraction holds out some of what a larger one does.

    Args:
        block: Documents.
        fraction: Share to hold out, 0 to 1.
        seed: Another seed holds out other documents.

    Returns:
        True where a document is held out; shape (documents,).

    Raises:
        ValueError: the fraction is not between 0 and 1.
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"the fraction is {fraction}, but must be between 0 and 1")
    key = str(seed).encode()
    # Multiplying by a power of two is exact, so no machine rounds a document to the other side.
    threshold = math.ceil(fraction * 2.0**64)
    hashes = (
        blake2b(document, digest_size=8, key=key, person=b"tokit split").digest() for document in block.documents()
    )
    return np.fromiter(
        (int.from_bytes(each, "little") < threshold for each in hashes), dtype=np.bool_, count=len(block)
    )
