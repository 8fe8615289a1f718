"""Words that the tokens of an embedding are exported as.

Readers of word vectors look words up: `river`, not `Ġriver`, `▁river` or `river</w>`. Where several tokens are the same
word, the one that `tokit near` finds is written: the token that starts a word (` river` before `river`, `ing` before
`##ing`), of those the most frequent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tokit.arrays import REPLACEMENT, Pieces
from tokit.embedding.embedding_folder import StaticEmbedding
from tokit.embedding.formats.skipped_words import SkippedWords
from tokit.embedding.ngrams import ngram_text
from tokit.embedding.static_embedder import open_own_tokenizer
from tokit.errors import UsageError
from tokit.registry import did_you_mean
from tokit.tokenizer.readable_token import message_text

WORDS, TOKENS = "words", "tokens"
NAMES = (WORDS, TOKENS)
# The mark of a word's end in some vocabularies of characters.
END_OF_WORD = "</w>"
# Order of tokens that are the same word.
STARTS_A_WORD, CONTINUES_ONE, HAS_MORE_SPACES = range(3)


@dataclass(frozen=True, slots=True)
class NamedTokens:
    """Tokens with the words that are written for them.

    Attributes:
        words: All different.
        ids: The token of each word.
        respelled: Words that are not the text whose n-grams the token has.
        unwritable: Skipped, as the format cannot hold them.
        duplicates: Skipped, as another token is the same word.
        partial: Number skipped, as they are parts of a character, or white space.
    """

    words: list[str]
    ids: list[int]
    respelled: list[bool]
    unwritable: SkippedWords
    duplicates: SkippedWords
    partial: int


def check_names(names: str) -> None:
    """Check the name of a way to name tokens.

    Raises:
        UsageError: there is none of that name.
    """
    if names not in NAMES:
        raise UsageError(f"unknown --names '{names}'", hint=did_you_mean(names, list(NAMES)))


def named_tokens(embedding: StaticEmbedding, forbidden: str, *, names: str, by_text: bool = False) -> NamedTokens:
    """Name the tokens that the training text has, frequent ones first.

    Args:
        embedding: The embedding.
        forbidden: Characters that the format cannot hold.
        names: "words", or "tokens" for the names in the tokenizer's file.
        by_text: With "tokens", their texts, the space before them included.
    """
    pieces = open_own_tokenizer(embedding).pieces
    ids = np.flatnonzero(embedding.seen & embedding.ordinary)
    # Frequent tokens first, equally frequent ones by id.
    ids = ids[np.argsort(-embedding.token_counts[ids], kind="stable")]
    if names == WORDS:
        named = _words(pieces, ids.tolist(), whole=embedding.manifest.tokenizer_family == "word")
    else:
        named = {i: ngram_text(pieces, i) if by_text else pieces.names[i] for i in ids.tolist()}
    owner = _owners(pieces, named)
    chosen: list[tuple[str, int]] = []
    unwritable: list[str] = []
    duplicates: list[str] = []
    for i, name in named.items():
        if owner[name] != i:
            duplicates.append(message_text(pieces.names[i], pieces.texts[i]))
        elif not name or any(character in name for character in forbidden):
            unwritable.append(name)
        else:
            chosen.append((name, i))
    return NamedTokens(
        [name for name, _ in chosen],
        [i for _, i in chosen],
        [name != ngram_text(pieces, i) for name, i in chosen],
        SkippedWords.of(unwritable),
        SkippedWords.of(duplicates),
        len(ids) - len(named),
    )


def _words(pieces: Pieces, ids: list[int], *, whole: bool) -> dict[int, str]:
    """The word of each token: its text without the spaces around it; tokens without one are left out.

    Args:
        pieces: Names and texts of all tokens.
        ids: The tokens.
        whole: The vocabulary is one of words: spaces are part of them.
    """
    words = {}
    for i in ids:
        name, text = pieces.names[i], pieces.texts[i]
        if whole:
            words[i] = text
        elif REPLACEMENT not in text or name == text:
            words[i] = (text or name).removesuffix(END_OF_WORD if name.endswith(END_OF_WORD) else "").strip(" ")
    return {i: word for i, word in words.items() if word or whole}


def _owners(pieces: Pieces, named: dict[int, str]) -> dict[str, int]:
    """The token of each word."""
    spaced = any(len(text) > 1 and text[0] == " " for text in pieces.texts)
    closed = any(name.endswith(END_OF_WORD) for name in pieces.names)
    owner: dict[str, tuple[int, int]] = {}
    for i, word in named.items():
        rank = _rank(pieces.names[i], pieces.texts[i], word, spaced=spaced, closed=closed)
        if word not in owner or rank < owner[word][0]:
            owner[word] = (rank, i)
    return {word: i for word, (_, i) in owner.items()}


def _rank(name: str, text: str, word: str, *, spaced: bool, closed: bool) -> int:
    """Place of a token among those of the same word.

    Args:
        name: Its name.
        text: Its text.
        word: The word.
        spaced: Tokens that start a word have a space before them.
        closed: Tokens that end one have a mark behind them.
    """
    if text == f" {word}" or (closed and name.endswith(END_OF_WORD)):
        return STARTS_A_WORD
    if text != word:
        return HAS_MORE_SPACES
    return CONTINUES_ONE if spaced or closed or name == f"##{text}" else STARTS_A_WORD
