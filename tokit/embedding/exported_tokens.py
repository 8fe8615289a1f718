"""Words that the tokens of an embedding are exported as."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tokit.arrays import Pieces
from tokit.embedding.embedding_folder import StaticEmbedding
from tokit.embedding.formats.base import WritableFormat
from tokit.embedding.formats.skipped_words import SkippedWords
from tokit.embedding.ngrams import ngram_text
from tokit.embedding.static_embedder import open_own_tokenizer


@dataclass(frozen=True, slots=True)
class NamedTokens:
    """Tokens with the words that are written for them.

    Attributes:
        words: All different.
        ids: The token of each word.
        unwritable: Skipped, as the format cannot hold them.
        duplicates: Skipped, as another token has the same text.
    """

    words: list[str]
    ids: list[int]
    unwritable: SkippedWords
    duplicates: SkippedWords


def named_tokens(embedding: StaticEmbedding, kind: type[WritableFormat], *, by_text: bool) -> NamedTokens:
    """Name the tokens that the training text has, frequent ones first.

    Args:
        embedding: The embedding.
        kind: The format, which may not be able to hold all words.
        by_text: Words are the tokens' texts; else their names in the tokenizer's file.
    """
    pieces = open_own_tokenizer(embedding).pieces
    ids = np.flatnonzero(embedding.seen & embedding.ordinary)
    # Frequent tokens first, equally frequent ones by id.
    ids = ids[np.argsort(-embedding.token_counts[ids], kind="stable")]
    names = {i: ngram_text(pieces, i) if by_text else pieces.names[i] for i in ids.tolist()}
    owner = _owners(pieces, names)
    words: list[str] = []
    rows: list[int] = []
    unwritable: list[str] = []
    duplicates: list[str] = []
    for i, name in names.items():
        if owner[name] != i:
            duplicates.append(pieces.names[i])
        elif not name or any(character in name for character in kind.forbidden):
            unwritable.append(name)
        else:
            words.append(name)
            rows.append(i)
    return NamedTokens(words, rows, SkippedWords.of(unwritable), SkippedWords.of(duplicates))


def _owners(pieces: Pieces, names: dict[int, str]) -> dict[str, int]:
    """The token of each text: WordPiece's "ing" and "##ing" are one text.

    It is the token of the same name, else the most frequent one.
    """
    owner: dict[str, int] = {}
    for i, name in names.items():
        if name not in owner or (pieces.names[i] == name != pieces.names[owner[name]]):
            owner[name] = i
    return owner
