"""Normalize whole blocks: the library's normalizer gets only the documents that it may change.

The characters that it leaves alone were probed (`tests/support/probe_classes.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tokit.arrays import Block, ByteArray, Mask
from tokit.kernels.compiled.loader import kernel
from tokit.text.pipeline import METASPACE
from tokit.text.quick_check import quick_check_tables

if TYPE_CHECKING:
    from tokenizers.normalizers import Normalizer

SPACE = ord(" ")


class BlockNormalizer:
    """Normalizes the documents of blocks.

    Args:
        normalizer: The library's; None changes nothing.
        steps: Its steps, as names of `quick_check.INERT`; None where they are unknown, and then it gets every document.
    """

    def __init__(self, normalizer: Normalizer | None, steps: Sequence[str] | None) -> None:
        self._normalizer = normalizer
        self._steps = frozenset(steps or ())
        self._lowers = "lowercase" in (steps or ())

    def __call__(self, block: Block) -> Block:
        """The same documents, normalized."""
        if self._normalizer is None or not len(block.data):
            return block
        lowered = Block(_lowered(block.data), block.ends) if self._lowers else block
        changed = self._may_change(lowered)
        return _with_texts(lowered, changed, [self._normalized(text) for text in _texts(block, changed)])

    def _may_change(self, block: Block) -> Mask:
        if not self._steps:
            return np.ones(len(block), dtype=np.bool_)
        changed = np.empty(len(block), dtype=np.uint8)
        kernel("find_changed")(block.data, block.ends, *quick_check_tables(self._steps).arguments, changed)
        return changed.astype(np.bool_)

    def _normalized(self, text: bytes) -> bytes:
        if self._normalizer is None:
            return text
        normal: str = self._normalizer.normalize_str(text.decode("utf-8"))
        return normal.encode("utf-8")


def _lowered(data: ByteArray) -> ByteArray:
    """Lowercase ASCII: the only change to documents that the normalizer need not see."""
    return data + ((data - np.uint8(65)) < 26).view(np.uint8) * np.uint8(32)


def metaspaced(block: Block) -> Block:
    """The same documents with U+2581 for every space, as the pre-tokenizer Metaspace has them."""
    spaces = np.flatnonzero(block.data == SPACE)
    if not len(spaces):
        return block
    data = np.frombuffer(block.data.tobytes().replace(b" ", METASPACE.encode("utf-8")), dtype=np.uint8)
    return Block(data, block.ends + 2 * np.searchsorted(spaces, block.ends))


def _texts(block: Block, mask: Mask) -> list[bytes]:
    return list(block.select(mask).documents()) if mask.any() else []


def _with_texts(block: Block, mask: Mask, texts: list[bytes]) -> Block:
    """Replace the documents where `mask` is true by other texts."""
    if not texts:
        return block
    lengths = block.lengths
    pieces = []
    done = 0
    for document, text in zip(np.flatnonzero(mask).tolist(), texts, strict=True):
        end = int(block.ends[document])
        pieces += [block.data[done : end - int(lengths[document])], np.frombuffer(text, dtype=np.uint8)]
        lengths[document] = len(text)
        done = end
    return Block(np.concatenate([*pieces, block.data[done:]]), np.cumsum(lengths, dtype=np.int64))
