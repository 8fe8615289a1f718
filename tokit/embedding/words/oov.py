"""Vectors of out-of-vocabulary words from their n-grams, as in fastText.

N-grams are those of the word in running text: after the tokenizer's normalizer, and with the space before
it where the tokenizer's pieces hold one. A phrase has no n-grams of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from tokit.arrays import FloatArray
from tokit.embedding.ngrams import NgramTable
from tokit.text.library_failures import run_library
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer


class UnknownWords:
    """N-grams of an embedding, opened when the first word needs them.

    Args:
        tokenizer: Tokenizer of the embedding.
        open_ngrams: Opens the n-grams; None if the embedding has none.
    """

    def __init__(self, tokenizer: LibraryTokenizer, open_ngrams: Callable[[], NgramTable | None]) -> None:
        self._tokenizer, self._open_ngrams = tokenizer, open_ngrams

    @cached_property
    def _table(self) -> NgramTable | None:
        return self._open_ngrams()

    def compose(self, word: str) -> tuple[FloatArray, int] | None:
        """Vector of a word, and the number of its n-grams that have one; None when none has."""
        if self._table is None or len(word.split()) != 1:
            return None
        vector, rows = next(self._table.compose([self._as_in_text(word)]))
        return (vector, rows) if rows else None

    def _as_in_text(self, word: str) -> str:
        normalizer, name = self._tokenizer.library.normalizer, self._tokenizer.path
        text = word
        if normalizer is not None:
            text = run_library(lambda words: [normalizer.normalize_str(text) for text in words], [word], name)[0]
        pieces = self._tokenizer.encode(f" {word}")
        spaced = bool(pieces) and self._tokenizer.pieces.texts[pieces[0]].startswith(" ")
        return f" {text.strip()}" if spaced else text.strip()
