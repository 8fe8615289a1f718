"""Choose the kernel for the model of a tokenizer.json.

A model without merges is a table of characters or bytes; byte-level BPE, whole words and WordPiece encode pre-tokens. A
tokenizer.json is supported as a whole or not at all.
"""

from __future__ import annotations

from typing import Any, Protocol

from tokit.arrays import Block, Ids
from tokit.text.pretokenizer import kernel_pretokenizer_for
from tokit.tokenizer.encode.pretoken_encoder import PreTokenEncoder
from tokit.tokenizer.encode.pretoken_model import pretoken_model
from tokit.tokenizer.encode.recognize import RecognizedPreTokenizer
from tokit.tokenizer.encode.table_encoder import table_encoder_for


class KernelEncoder(Protocol):
    """Encodes blocks of normalized text without added tokens."""

    def encode(self, block: Block) -> Ids:
        """Ids of each document."""
        ...


def kernel_encoder_for(model: dict[str, Any], pretokenizer: RecognizedPreTokenizer) -> KernelEncoder | None:
    """An encoder for the model of a tokenizer.json and its pre-tokenizer; None if no kernel gives the same ids."""
    table = table_encoder_for(model, pretokenizer)
    splitter = kernel_pretokenizer_for(pretokenizer.pipeline)
    if table is not None or splitter is None:
        return table
    tables = pretoken_model(model, byte_level=pretokenizer.byte_level)
    return None if tables is None else PreTokenEncoder(splitter, tables)
