"""Texts of a Python program encoded as arrays: joined into blocks, and the blocks encoded on threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tokit.arrays import Block, Ids
from tokit.errors import UsageError
from tokit.runtime.threads import in_order
from tokit.tokenizer.encode.batch import TextBatch, batch_of, pad

if TYPE_CHECKING:
    from tokit.tokenizer.base import EncodeOptions, Tokenizer

# Enough that a thread is worth its start, and that several threads have work.
BLOCK_BYTES = 1 << 20


def encode_text_batch(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    options: EncodeOptions,
    *,
    pairs: Sequence[str] | None,
    padding: str | int | None,
    offsets: bool,
) -> TextBatch:
    """Encode texts; the arguments are those of `Tokenizer.encode_batch`."""
    block = text_block(texts)
    if pairs is not None:
        text_block(pairs)
        if len(pairs) != len(texts):
            raise UsageError(f"{len(texts)} texts and {len(pairs)} second texts", hint="give one for each text")
        batch = batch_of(tokenizer.encode_pairs(list(zip(texts, pairs, strict=True)), options), texts, pairs)
    elif offsets:
        batch = batch_of(tokenizer.encode_with_offsets(texts, options), texts, None)
    else:
        ids = _encode(tokenizer, block, options)
        batch = TextBatch(ids.data, ids.ends)
    if padding is None:
        return batch
    input_ids, mask = pad(batch, padding, tokenizer.special_ids.get("pad"))
    return replace(batch, input_ids=input_ids, attention_mask=mask)


def _encode(tokenizer: Tokenizer, block: Block, options: EncodeOptions) -> Ids:
    if len(block.data) <= BLOCK_BYTES:
        return tokenizer.encode_block(block, options)
    parts = in_order(lambda part: tokenizer.encode_block(part, options), _parts(block), alone=_is_small)
    return Ids.joined(list(parts))


def text_block(texts: Sequence[str]) -> Block:
    """Texts as one block of UTF-8.

    Raises:
        UsageError: a lone surrogate in a text, or one string in place of many.
    """
    if isinstance(texts, str):
        raise UsageError("a string in place of a list of texts", hint="encode_batch([text]), or encode(text)")
    try:
        return Block.of(map(str.encode, texts))
    except UnicodeEncodeError:
        raise _lone_surrogate(texts) from None


def _lone_surrogate(texts: Sequence[str]) -> UsageError:
    for number, text in enumerate(texts):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            found = f"U+{ord(text[error.start]):04X} at character {error.start}"
            return UsageError(
                f"text {number}: {found} is a lone surrogate, which UTF-8 has not",
                hint='text.encode("utf-8", "replace").decode() puts ? in its place',
            )
    return UsageError("a text changed while it was encoded", hint="encode it again")


def _parts(block: Block) -> Iterator[Block]:
    """Whole documents of about `BLOCK_BYTES`."""
    bounds = np.searchsorted(block.ends, np.arange(BLOCK_BYTES, len(block.data), BLOCK_BYTES)) + 1
    stops = sorted({*np.minimum(bounds, len(block)).tolist(), len(block)})
    for first, last in zip([0, *stops[:-1]], stops, strict=True):
        yield block.slice(first, last)


def _is_small(block: Block) -> bool:
    return len(block.data) < BLOCK_BYTES // 16
