"""Documents encoded with the place of each token in its document."""

from __future__ import annotations

from tokit.arrays import Block
from tokit.tokenizer.base import EncodeOptions, Tokenizer
from tokit.tokenizer.encode.batch import TextBatch, batch_of


class OffsetsEncoder:
    """Encodes blocks in the library of a tokenizer, which knows the places.

    Args:
        tokenizer: The tokenizer.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def encode_documents(self, block: Block, options: EncodeOptions) -> tuple[Block, TextBatch]:
        """A block, and the ids and offsets of its documents."""
        texts = block.texts()
        return block, batch_of(self._tokenizer.encode_with_offsets(texts, options), texts, None)
