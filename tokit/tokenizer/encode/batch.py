"""Texts encoded as arrays, with what was asked for beside the ids: offsets, token types, padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokit.arrays import Ids, IntArray
from tokit.errors import UsageError
from tokit.tokenizer.base import EncodedText

Matrix = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class TextBatch(Ids):
    """Encoded texts.

    Attributes:
        offsets: Start and end of each token in characters of its text; int64, shape (tokens, 2). (0, 0) for tokens of
            the template. A token of some bytes of a character has the place of that character.
        byte_offsets: The same in bytes of UTF-8.
        type_ids: Number of the text of a pair that each token is from; int64, shape (tokens,).
        input_ids: Ids padded at the end; int64, shape (texts, length).
        attention_mask: 1 where `input_ids` has a token of the text, 0 where it is padded; of the same shape.
    """

    offsets: IntArray | None = None
    byte_offsets: IntArray | None = None
    type_ids: IntArray | None = None
    input_ids: Matrix | None = None
    attention_mask: Matrix | None = None


def pad(ids: Ids, padding: str | int, pad_id: int | None) -> tuple[Matrix, Matrix]:
    """Pad ids at their end.

    Args:
        ids: The texts.
        padding: "longest" or a number of tokens.
        pad_id: The pad token.

    Returns:
        Ids and attention mask, each of shape (texts, length).

    Raises:
        UsageError: there is no pad token, an unknown padding, or a text that is longer.
    """
    if pad_id is None:
        raise UsageError("padding needs a pad token, which the tokenizer lacks", hint="train it with one, or add one")
    longest = int(ids.lengths.max(initial=0))
    if isinstance(padding, str):
        if padding != "longest":
            raise UsageError(f"unknown padding '{padding}'", hint="'longest', or a number of tokens")
        padding = longest
    if longest > padding:
        raise UsageError(f"a text of {longest} tokens is padded to {padding}", hint=f"pass truncation={padding} too")
    mask = np.arange(padding) < ids.lengths[:, None]
    rows = np.full(mask.shape, pad_id, dtype=np.int64)
    rows[mask] = ids.data
    return rows, mask.astype(np.int64)


def batch_of(encoded: Sequence[EncodedText], texts: Sequence[str], pairs: Sequence[str] | None) -> TextBatch:
    """Arrays of what the library has encoded, with offsets and token types."""
    ids = Ids.of([text.ids for text in encoded])
    offsets = np.array([place for text in encoded for place in text.offsets], dtype=np.int64).reshape(-1, 2)
    types = np.array([number for text in encoded for number in text.types], dtype=np.int64)
    in_bytes = np.empty_like(offsets)
    start = 0
    for number, end in enumerate(ids.ends.tolist()):
        for kind, source in enumerate((texts, pairs)):
            if source is not None:
                chosen = np.flatnonzero(types[start:end] == kind) + start
                in_bytes[chosen] = _byte_starts(source[number])[offsets[chosen]]
        start = end
    return TextBatch(ids.data, ids.ends, offsets=offsets, byte_offsets=in_bytes, type_ids=types)


def _byte_starts(text: str) -> IntArray:
    """Bytes before each character of a text, and before its end; int64, shape (characters + 1,)."""
    points = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    widths = 1 + (points > 0x7F).astype(np.int64) + (points > 0x7FF) + (points > 0xFFFF)
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(widths)])
