"""Whole blocks encoded by a kernel, with the library's help for documents that need it.

The library's normalizer runs only on documents with a character that it might change. A document that may hold the text
of an added token, or a text that a guard splits, is encoded by the library as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tokit.arrays import Block, Ids, Mask
from tokit.text.normalizer import BlockNormalizer
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.encode.document_ids import framed_ids, interleaved, truncated
from tokit.tokenizer.encode.kernel_encoder import KernelEncoder, kernel_encoder_for
from tokit.tokenizer.encode.recognize import recognize_normalizer, recognize_pretokenizer

if TYPE_CHECKING:
    from tokenizers.normalizers import Normalizer

    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer


@dataclass(frozen=True, slots=True)
class AddedTexts:
    """Texts that the library finds before anything else.

    Attributes:
        special: Of special tokens, which count only with `parse_special`.
        always: Of other added tokens, and those that a guard splits.
    """

    special: tuple[bytes, ...]
    always: tuple[bytes, ...]

    @classmethod
    def of(cls, tokens: list[dict[str, Any]], guarded: Iterable[str]) -> AddedTexts:
        """Texts of the added tokens of a tokenizer.json, and of a guard."""
        special = [token["content"] for token in tokens if token["special"]]
        ordinary = [token["content"] for token in tokens if not token["special"]]
        return cls(_utf8(special), _utf8([*ordinary, *guarded]))

    def documents(self, block: Block, options: EncodeOptions) -> Mask:
        """True for documents with at least one of the texts, shape (documents,)."""
        found = np.zeros(len(block), dtype=np.bool_)
        texts = self.always + (self.special if options.parse_special else ())
        if not texts or not len(block):
            return found
        raw = block.data.tobytes()
        # Most have a common prefix, and one search for it shows that none of them is in the block.
        if len(texts) > 1 and raw.find(_common_prefix(texts)) < 0:
            return found
        for text in texts:
            at = raw.find(text)
            while at >= 0:
                document = int(np.searchsorted(block.ends, at, side="right"))
                found[document] = True
                # The library encodes the whole document, so the search continues after it.
                at = raw.find(text, int(block.ends[document]))
        return found


class BlockEncoder:
    """Encodes blocks with the ids that its tokenizer gives.

    Args:
        tokenizer: The tokenizer, for documents that the kernel cannot encode.
        normalizer: Its normalizer.
        added: Texts whose documents are left to the library.
        encoder: The kernel.
    """

    def __init__(
        self, tokenizer: LibraryTokenizer, normalizer: BlockNormalizer, added: AddedTexts, encoder: KernelEncoder
    ) -> None:
        self._tokenizer = tokenizer
        self._normalized = normalizer
        self._added = added
        self._encoder = encoder

    def encode(self, block: Block, options: EncodeOptions) -> Ids:
        """Ids of each document."""
        room = self._tokenizer.room(options)
        by_library = self._added.documents(block, options)
        normalized = self._normalized(block)
        if normalized is not block:
            by_library |= self._added.documents(normalized, options)
        if not by_library.any():
            return self._finished(self._encoder.encode(normalized), room, options)
        kernel_ids = self._finished(self._encoder.encode(normalized.select(~by_library)), room, options)
        library_ids = self._tokenizer.library_ids(block.select(by_library).texts(), options)
        return interleaved(kernel_ids, Ids.of(library_ids), by_library)

    def _finished(self, ids: Ids, room: int | None, options: EncodeOptions) -> Ids:
        if room is not None:
            ids = truncated(ids, room)
        return framed_ids(ids, *self._tokenizer.frame) if options.add_special else ids


def block_encoder_for(tokenizer: LibraryTokenizer) -> BlockEncoder | None:
    """An encoder for a tokenizer; None if the kernels do not support every part of it."""
    spec = tokenizer.specification()
    normalizer = tokenizer.library.normalizer if spec["normalizer"] else None
    pretokenizer = recognize_pretokenizer(spec)
    if pretokenizer is None or not _has_plain_added_tokens(spec, normalizer):
        return None
    encoder = kernel_encoder_for(spec["model"], pretokenizer)
    if encoder is None:
        return None
    block_normalizer = BlockNormalizer(normalizer, recognize_normalizer(spec["normalizer"]))
    return BlockEncoder(tokenizer, block_normalizer, AddedTexts.of(spec["added_tokens"], pretokenizer.guarded), encoder)


def _has_plain_added_tokens(spec: dict[str, Any], normalizer: Normalizer | None) -> bool:
    """True if a search for the texts of added tokens finds every place where the library would find one."""
    if normalizer is None:
        return True
    contents = [token["content"] for token in spec["added_tokens"] if token["normalized"]]
    return all(normalizer.normalize_str(content) == content for content in contents)


def _utf8(texts: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(text.encode() for text in texts if text)


def _common_prefix(texts: tuple[bytes, ...]) -> bytes:
    first, last = min(texts), max(texts)
    length = 0
    while length < min(len(first), len(last)) and first[length] == last[length]:
        length += 1
    return first[:length]
