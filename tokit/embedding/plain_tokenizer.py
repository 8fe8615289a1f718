"""The tokenizer.json of an embedding folder, made so that every reader gives the same ids for the same text.

Readers of embeddings call the `tokenizers` library without any of transformers' settings. So nothing in this file may
turn text into special tokens, add tokens or cut text, and it must name every id that has a row.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from tokit.arrays import Pieces
from tokit.embedding.embedding_folder import StaticEmbedding
from tokit.errors import ArtifactError
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.special_copies import library_form

Spec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FitTokenizer:
    """A tokenizer as the user gave it, and as the folder of an embedding keeps it.

    Attributes:
        original: The tokenizer that the user opened.
        plain: The same ids for ordinary text, and no special tokens in text.
        pieces: Text of each id, special tokens marked as in `original`.
        notes: What the user should know of the difference.
    """

    original: Tokenizer
    plain: LibraryTokenizer
    pieces: Pieces
    notes: tuple[str, ...] = ()


def fit_tokenizer(tokenizer: Tokenizer) -> FitTokenizer:
    """A tokenizer in the form that an embedding folder keeps.

    Raises:
        ArtifactError: it has no such form.
    """
    import tokenizers

    library = library_form(tokenizer)
    spec = plain_specification(library.specification(), library.vocab_size)
    copied = tokenizers.Tokenizer.from_str(json.dumps(spec))
    if sorted(copied.get_vocab().values()) != list(range(library.vocab_size)):
        raise ArtifactError(
            "the ids of this tokenizer cannot have a row each: tokens share a name or an id",
            hint="fit on another tokenizer",
        )
    identity = dataclasses.replace(library.identity, special_ids={})
    plain = LibraryTokenizer(copied, identity)
    pieces = dataclasses.replace(plain.pieces, special=tokenizer.pieces.special, unknown_id=tokenizer.unknown_id)
    notes: tuple[str, ...] = ()
    if library is not tokenizer and tokenizer.family == "unigram":
        notes = ("the SentencePiece model was rewritten as a tokenizer.json: on rare ties its ids may differ",)
    return FitTokenizer(tokenizer, plain, pieces, notes)


def own_fit_tokenizer(embedding: StaticEmbedding, tokenizer: LibraryTokenizer) -> FitTokenizer:
    """The tokenizer of an embedding's folder, under the hash and special tokens of the one it was made from."""
    manifest = embedding.manifest
    identity = dataclasses.replace(
        tokenizer.identity, family=manifest.tokenizer_family, sha256=manifest.tokenizer_sha256, special_ids={}
    )
    plain = LibraryTokenizer(tokenizer.library, identity)
    pieces = dataclasses.replace(tokenizer.pieces, special=embedding.special, unknown_id=embedding.unknown_id)
    return FitTokenizer(plain, plain, pieces)


def plain_specification(spec: Spec, vocab_size: int) -> Spec:
    """A tokenizer.json without special tokens, template, truncation and padding, and with a name for every id.

    The ids of ordinary text do not change. Special tokens stay in the vocabulary, under names that no text can
    match where they had been added to it from outside.

    Args:
        spec: The content of a tokenizer.json.
        vocab_size: Largest id plus one.
    """
    plain = copy.deepcopy(spec)
    added = {token["id"]: token for token in spec.get("added_tokens") or []}
    names = {i: _name(i, added.get(i)) for i in range(vocab_size)}
    _fill(plain["model"], names)
    plain["added_tokens"] = [token for token in spec.get("added_tokens") or [] if not token["special"]]
    plain["post_processor"] = plain["truncation"] = plain["padding"] = None
    return plain


def _name(i: int, token: Spec | None) -> str:
    if token is not None and not token["special"]:
        return str(token["content"])
    # Pre-tokenizers cut at the blanks or replace them, and no merge leads here. A model that takes text whole, without
    # any pre-tokenizer, would have to be given just this.
    return f"unused {i} {token['content'] if token else ''} "


def _fill(model: Spec, names: dict[int, str]) -> None:
    """Name the ids that a model's vocabulary lacks."""
    vocab = model["vocab"]
    if isinstance(vocab, list):
        # As unlikely as its least likely piece: the score of an unknown character hangs on the lowest one.
        lowest = min((score for _, score in vocab), default=0.0)
        vocab += [[names[i], lowest] for i in range(len(vocab), len(names))]
        # Of two pieces with one name the library only ever gives the later.
        reached = {piece: i for i, (piece, _) in enumerate(vocab)}
        model["vocab"] = [[piece if reached[piece] == i else names[i], score] for i, (piece, score) in enumerate(vocab)]
        return
    known = set(vocab.values())
    vocab.update({name: i for i, name in names.items() if i not in known})
