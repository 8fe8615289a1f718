"""Copies of a tokenizer with more special tokens or another template, for models that need a role it lacks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tokit.tokenizer.added_tokens import add_tokens
from tokit.tokenizer.assemble import TEMPLATES
from tokit.tokenizer.base import Identity, Tokenizer
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer, content_sha256, id_of
from tokit.tokenizer.formats.sentencepiece import SentencePieceTokenizer
from tokit.tokenizer.special_tokens import SpecialTokens

if TYPE_CHECKING:
    import tokenizers


def with_special_tokens(tokenizer: Tokenizer, roles: Mapping[str, str]) -> LibraryTokenizer:
    """A copy with special tokens added after the largest id, and another hash.

    A SentencePiece model is rewritten for the `tokenizers` library first.

    Args:
        tokenizer: Any tokenizer.
        roles: Role → text of the tokens to add.

    Raises:
        ArtifactError: the tokens cannot be added without taking an id.
    """
    from tokenizers import AddedToken

    copy = library_form(tokenizer)
    library = add_tokens(copy.library, [AddedToken(text, special=True, normalized=False) for text in roles.values()])
    ids = {**copy.special_ids, **{role: id_of(library, text) for role, text in roles.items()}}
    identity = dataclasses.replace(copy.identity, sha256=content_sha256(library), special_ids=ids)
    return _copied(library, identity, copy)


def with_template(
    tokenizer: Tokenizer, roles: Sequence[str], template: str | None
) -> tuple[LibraryTokenizer, tuple[str, ...]]:
    """A copy that has certain special tokens and puts a template around each document.

    Args:
        tokenizer: Any tokenizer.
        roles: Roles that it must have; missing ones are added.
        template: A name out of `TEMPLATES`, or roles around `$A`; None keeps the template of the tokenizer.

    Returns:
        The copy, and the texts of the tokens that were added to it.
    """
    import tokenizers

    added = {role: f"<|{role}|>" for role in roles if role not in tokenizer.special_ids}
    source = with_special_tokens(tokenizer, added)
    if template is None:
        return source, tuple(added.values())
    texts, ids = source.special_texts(), source.special_ids
    # As in GPT-2 the end of text also begins one, where no other token does.
    pieces = {"bos": texts.get("endoftext", "bos"), **texts}
    single, pair = TEMPLATES.get(template, (template, f"{template} {template.replace('$A', '$B:1')}"))
    source.library.post_processor = tokenizers.processors.TemplateProcessing(
        single=[pieces.get(piece, piece) for piece in single.split()],
        pair=[f"{pieces.get(role, role)}{colon}{kind}" for role, colon, kind in map(_typed, pair.split())],
        special_tokens=[(texts[role], i) for role, i in ids.items()],
    )
    identity = dataclasses.replace(source.identity, sha256=content_sha256(source.library))
    return _copied(source.library, identity, source), tuple(added.values())


def _copied(library: tokenizers.Tokenizer, identity: Identity, source: Tokenizer) -> LibraryTokenizer:
    copy = LibraryTokenizer(library, identity)
    copy.chat_templates = source.chat_templates
    return copy


def _typed(piece: str) -> tuple[str, str, str]:
    return piece.partition(":")


def library_form(tokenizer: Tokenizer) -> LibraryTokenizer:
    """The tokenizer itself if the `tokenizers` library runs it, or a SentencePiece model rewritten for that library."""
    if isinstance(tokenizer, SentencePieceTokenizer):
        library = tokenizer.to_library()
        identity = dataclasses.replace(tokenizer.identity, sha256=content_sha256(library))
        return _copied(library, identity, tokenizer)
    if isinstance(tokenizer, LibraryTokenizer):
        return tokenizer
    raise TypeError(type(tokenizer).__name__)


def with_end_of_text_token(tokenizer: Tokenizer) -> tuple[Tokenizer, tuple[str, ...]]:
    """A copy of a tokenizer that lacks an end-of-text token, with one, and a note that says so."""
    text = SpecialTokens.parse().by_role["endoftext"]
    copy = with_special_tokens(tokenizer, {"endoftext": text})
    end = copy.special_ids["endoftext"]
    return copy, (f"the tokenizer has no end of text: the shards keep a copy with {text} as id {end}",)
