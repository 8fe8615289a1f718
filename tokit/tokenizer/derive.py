"""A copy of a tokenizer with more special tokens, for models that need a role which a foreign file lacks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.engine import LibraryTokenizer, content_sha256, id_of
from tokit.tokenizer.sentencepiece_model import SentencePieceTokenizer


def derived(tokenizer: Tokenizer, roles: Mapping[str, str]) -> LibraryTokenizer:
    """A copy with special tokens added after the last id, and with a hash of its own.

    A SentencePiece model is rewritten for the reference library on the way.

    Args:
        tokenizer: Any tokenizer.
        roles: Role → text of the tokens to add.
    """
    import tokenizers

    copy = library_form(tokenizer)
    engine = tokenizers.Tokenizer.from_str(copy.engine.to_str())
    engine.add_special_tokens([tokenizers.AddedToken(text, special=True, normalized=False) for text in roles.values()])
    ids = {**copy.special_ids, **{role: id_of(engine, text) for role, text in roles.items()}}
    identity = dataclasses.replace(copy.identity, sha256=content_sha256(engine), special_ids=ids)
    return LibraryTokenizer(engine, identity)


def library_form(tokenizer: Tokenizer) -> LibraryTokenizer:
    """The tokenizer itself if the reference library runs it, or a SentencePiece model rewritten for it."""
    if isinstance(tokenizer, SentencePieceTokenizer):
        engine = tokenizer.to_library()
        identity = dataclasses.replace(tokenizer.identity, sha256=content_sha256(engine))
        return LibraryTokenizer(engine, identity)
    if isinstance(tokenizer, LibraryTokenizer):
        return tokenizer
    raise TypeError(type(tokenizer).__name__)
