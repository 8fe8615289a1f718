"""Ids decoded one by one, as a model generates them.

Text is held back while more ids may change it: a character whose bytes are not complete, and a run of byte tokens,
which the library decodes as a whole. What is given out joined is what decoding all ids at once gives.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tokit.arrays import REPLACEMENT

if TYPE_CHECKING:
    from tokit.tokenizer.base import Tokenizer

BYTE_TOKEN = re.compile(r"<0x[0-9A-Fa-f]{2}>")


class DecodeStream:
    """A decoder that takes ids one by one and never breaks a character.

    Args:
        tokenizer: The tokenizer of the ids.
        skip_special: Leave special tokens out of the text.
    """

    def __init__(self, tokenizer: Tokenizer, *, skip_special: bool = False) -> None:
        self._tokenizer = tokenizer
        self._skip_special = skip_special
        # Ids whose text is given out, as the context of the next; then those that are held back.
        self._context: list[int] = []
        self._held: list[int] = []
        self._context_text = ""

    def push(self, token_id: int) -> str:
        """Take one id.

        Args:
            token_id: An id below the tokenizer's `vocab_size`.

        Returns:
            The text that it completes; empty if more ids may change it.
        """
        self._held.append(token_id)
        if BYTE_TOKEN.fullmatch(self._tokenizer.pieces.names[token_id]):
            return ""
        text = self._decode([*self._context, *self._held])
        if text.endswith(REPLACEMENT) or not text.startswith(self._context_text):
            return ""
        return self._given_out(text)

    def finish(self) -> str:
        """The text that is held back, at the end of the ids; the stream then starts anew."""
        text = self._decode([*self._context, *self._held])[len(self._context_text) :]
        self._context, self._held, self._context_text = [], [], ""
        return text

    def _given_out(self, text: str) -> str:
        """Move what was held back into the context; the new part of its text."""
        new = text[len(self._context_text) :]
        alone = self._decode(self._held)
        # Ids without text of their own (a space at the start, a special token that is skipped) are no context alone.
        if alone:
            self._context, self._context_text = self._held, alone
        else:
            self._context, self._context_text = [*self._context, *self._held], text
        self._held = []
        return new

    def _decode(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special=self._skip_special) if ids else ""
