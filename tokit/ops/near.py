"""`tokit near` and `tokit analogy`: the tokens whose vectors lie nearest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray
from tokit.embedding.neighbours import Neighbourhood, unit
from tokit.embedding.store import StaticEmbedding, load_embedding
from tokit.errors import TokitError, UsageError
from tokit.ops.embed import open_own_tokenizer
from tokit.tokenizer.engine import LibraryTokenizer

DEFAULT_K = 10
# Stands in a piece's text for bytes that are no character.
BROKEN = "\ufffd"


class UnknownWordError(TokitError):
    """A word that the embedding has no vector for."""


@dataclass(frozen=True, slots=True)
class Query:
    """A word, and the tokens that its vector was taken from.

    Attributes:
        word: As the user gave it.
        ids: The word's token; or its pieces, and the vector is their mean.
        tokens: Their names.
        composed: No single token is this word.
    """

    word: str
    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    composed: bool


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A token near a query.

    Attributes:
        id: Its id.
        token: Its name in the tokenizer's file.
        text: The text that it stands for.
        similarity: Cosine, -1 to 1.
    """

    id: int
    token: str
    text: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Nearest:
    """The neighbours of one word, nearest first."""

    query: Query
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True, slots=True)
class Analogy:
    """What is to `c` as `b` is to `a`, best first."""

    a: Query
    b: Query
    c: Query
    neighbours: tuple[Neighbour, ...]


class WordSpace:
    """An embedding in which words are looked up.

    Special tokens and tokens that the training corpus did not have are no one's neighbours.
    """

    def __init__(self, embedding: StaticEmbedding, tokenizer: LibraryTokenizer) -> None:
        self._vectors = embedding.vectors
        self._tokenizer = tokenizer
        self._pieces = tokenizer.pieces
        self._known = embedding.seen & ~embedding.special
        if embedding.unknown_id is not None:
            self._known[embedding.unknown_id] = False
        self._neighbourhood = Neighbourhood(self._vectors, self._known)

    @property
    def vectors(self) -> FloatArray:
        """Row i is token id i; shape (vocab, dim)."""
        return self._vectors

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Tokens that may be a word's, or its neighbours; shape (vocab,)."""
        return self._known

    @property
    def texts(self) -> tuple[str, ...]:
        """The text that each token stands for."""
        return self._pieces.texts

    def near(self, word: str, k: int = DEFAULT_K) -> Nearest:
        """The `k` tokens nearest to a word, its own left out.

        Raises:
            UnknownWordError: nothing of the word was in the training corpus.
        """
        query = self.look_up(word)
        return Nearest(query, self._neighbours(self.vector(query), k, query.ids))

    def analogy(self, a: str, b: str, c: str, k: int = DEFAULT_K) -> Analogy:
        """The `k` tokens nearest to b - a + c (3CosAdd), the three left out.

        Mikolov et al. 2013, https://aclanthology.org/N13-1090

        Raises:
            UnknownWordError: nothing of a word was in the training corpus.
        """
        first, second, third = self.look_up(a), self.look_up(b), self.look_up(c)
        one, two, three = (unit(self.vector(query)) for query in (first, second, third))
        exclude = first.ids + second.ids + third.ids
        return Analogy(first, second, third, self._neighbours(two - one + three, k, exclude))

    def look_up(self, word: str) -> Query:
        """The token of a word as it stands after a space, else as it stands alone, else its pieces.

        Raises:
            UnknownWordError: nothing of the word was in the training corpus, or it is empty.
            UsageError: the word is not UTF-8.
        """
        if not word.strip():
            raise UnknownWordError(f"'{word}' is unknown: there is no word in it", hint="give a word: tokit near river")
        if not _is_utf8(word):
            shown = word.encode("utf-8", errors="backslashreplace").decode("utf-8")
            raise UsageError(f"'{shown}' is not UTF-8", hint="words are looked up as text")
        spellings = self._tokenizer.encode_batch([f" {word}", word])
        for ids in spellings:
            if len(ids) == 1 and self._known[ids[0]]:
                return self._query(word, ids, composed=False)
        # Equally many pieces: with the space, as in running text.
        pieces = min(spellings, key=len)
        known = [i for i in pieces if self._known[i]]
        if not known:
            raise UnknownWordError(
                f"'{word}' is unknown: the text that the embedding was fitted on has none of its pieces",
                hint="check the spelling and the case, or fit on text that has it",
            )
        return self._query(word, known, composed=True)

    def _query(self, word: str, ids: list[int], *, composed: bool) -> Query:
        return Query(word, tuple(ids), tuple(self._pieces.names[i] for i in ids), composed)

    def vector(self, query: Query) -> FloatArray:
        """The vector of what was looked up: a token's own, or the mean of its pieces'. Shape (dim,)."""
        mean: FloatArray = self._vectors[np.array(query.ids)].mean(axis=0)
        return mean

    def _neighbours(self, vector: FloatArray, k: int, exclude: tuple[int, ...]) -> tuple[Neighbour, ...]:
        ids, cosines = self._neighbourhood.nearest(vector, k, exclude)
        names, texts = self._pieces.names, self._pieces.texts
        return tuple(
            Neighbour(i, names[i], names[i] if BROKEN in texts[i] else texts[i], float(f"{cosine:.6f}"))
            for i, cosine in zip(ids.tolist(), cosines.tolist(), strict=True)
        )


def open_space(folder: str | Path) -> WordSpace:
    """Open an embedding folder for looking words up.

    Raises:
        ArtifactError: no embedding, or a damaged one.
    """
    embedding = load_embedding(folder)
    return WordSpace(embedding, open_own_tokenizer(embedding))


def check_k(k: int) -> None:
    """Refuse a number of neighbours below one.

    Raises:
        UsageError: it is.
    """
    if k < 1:
        raise UsageError(f"-k {k}: not a positive number", hint=f"-k {DEFAULT_K}")


def _is_utf8(word: str) -> bool:
    try:
        word.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
