"""Choice between kernels and library for one tokenizer; both give the same ids and the same text."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from tokit.arrays import Block, Ids
from tokit.kernels.compiled.loader import kernel_pays_off
from tokit.runtime.engine import REFERENCE, chosen_engine

if TYPE_CHECKING:
    from tokit.tokenizer.encode.block_encoder import BlockEncoder
    from tokit.tokenizer.encode.kernel_decoder import KernelDecoder
    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer


class KernelChoice:
    """Kernels of a tokenizer, made when there is enough text that they save more time than they take to load.

    Args:
        tokenizer: The tokenizer.
        lock: Held while the encoder is made.
    """

    def __init__(self, tokenizer: LibraryTokenizer, lock: Lock) -> None:
        self._tokenizer = tokenizer
        self._lock = lock
        self._seen_bytes = 0
        self._is_made = False
        self._encoder: BlockEncoder | None = None

    def encoder(self, block: Block) -> BlockEncoder | None:
        """The encoder for a block; None if the library is to encode it."""
        with self._lock:
            size, seen = len(block.data), self._seen_bytes
            self._seen_bytes += size
            if chosen_engine() == REFERENCE:
                return None
            if not self._is_made and kernel_pays_off("encode_block", size, seen):
                from tokit.tokenizer.encode.block_encoder import block_encoder_for

                self._encoder, self._is_made = block_encoder_for(self._tokenizer), True
            return self._encoder

    def decoder(self, ids: Ids) -> KernelDecoder | None:
        """The decoder for ids; None if the library is to decode them."""
        return self._decoder if kernel_pays_off("decode_ids", ids.data.nbytes) else None

    @cached_property
    def _decoder(self) -> KernelDecoder | None:
        from tokit.tokenizer.encode.kernel_decoder import kernel_decoder_for

        return kernel_decoder_for(self._tokenizer.specification(), self._tokenizer.pieces)

    def release(self) -> None:
        """Free the memory of the encoder; it is made again when there is more text."""
        with self._lock:
            self._encoder, self._is_made = None, False
