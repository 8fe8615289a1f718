"""Nearest neighbors of words: the tokens with the nearest vectors, to one word or to several with signs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.embedding_folder import StaticEmbedding, load_embedding, load_ngrams
from tokit.embedding.nearest import Neighborhood, Request
from tokit.embedding.ngrams import NgramTable
from tokit.embedding.static_embedder import open_own_tokenizer
from tokit.embedding.words.lookup import Spellings, encode_spellings, whole_token, word_spellings
from tokit.embedding.words.oov import UnknownWords
from tokit.embedding.words.query import ADD, DEFAULT_K, MUL, WordQuery, analogy_of
from tokit.embedding.words.results import Analogy, CombinedWords, LookedUpWord, Nearest, Neighbor, as_analogy
from tokit.errors import TokitError, UsageError
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.readable_token import message_text


class UnknownWordError(TokitError):
    """A word without a vector in the embedding."""


class WordSpace:
    """Lookup of words in an embedding, and search for their neighbors.

    Special tokens and tokens that the training corpus did not have are never neighbors.

    Args:
        embedding: The embedding.
        tokenizer: The embedding's tokenizer.
        ngrams: Opens the n-grams that out-of-vocabulary words are composed from; without any, from their pieces.
    """

    def __init__(
        self,
        embedding: StaticEmbedding,
        tokenizer: LibraryTokenizer,
        ngrams: Callable[[], NgramTable | None] = lambda: None,
    ) -> None:
        self._vectors = embedding.vectors
        self._tokenizer = tokenizer
        self._pieces = tokenizer.pieces
        self._unknown = UnknownWords(tokenizer, ngrams)
        self._known = embedding.seen & embedding.ordinary
        self._neighborhood = Neighborhood(self._vectors, self._known)

    @property
    def vectors(self) -> FloatArray:
        """Row i is token id i; shape (vocab, dim)."""
        return self._vectors

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Tokens that may be words or neighbors; shape (vocab,)."""
        return self._known

    @property
    def texts(self) -> tuple[str, ...]:
        """Text of each token."""
        return self._pieces.texts

    def near(self, word: str, k: int = DEFAULT_K) -> Nearest:
        """The `k` tokens nearest to a word, its own excluded.

        Raises:
            UnknownWordError: nothing of the word was in the training corpus.
        """
        return self.answer(WordQuery(word, (word,)), k)

    def analogy(self, a: str, b: str, c: str, k: int = DEFAULT_K, method: str = ADD) -> Analogy:
        """The `k` tokens nearest to b - a + c, the three excluded.

        Raises:
            UnknownWordError: nothing of a word was in the training corpus.
        """
        return as_analogy(self.answer(analogy_of(a, b, c), k, method))

    def answer(self, question: WordQuery, k: int = DEFAULT_K, method: str = ADD) -> Nearest:
        """The `k` tokens nearest to the words of a query, which are excluded.

        Raises:
            UnknownWordError: nothing of a word was in the training corpus.
        """
        answer = next(self.answers([question], k, method))
        if isinstance(answer, TokitError):
            raise answer
        return answer

    def answers(self, questions: Sequence[WordQuery], k: int, method: str = ADD) -> Iterator[Nearest | TokitError]:
        """Answer many queries, in order; errors that `answer` would raise are in the results.

        Args:
            questions: Words with signs.
            k: Number of neighbors for each query.
            method: "add", the nearest to the sum of unit vectors (3CosAdd), or "mul", the largest quotient of products
                of similarities (3CosMul).
        """
        words = list(dict.fromkeys(word for query in questions for word in (*query.plus, *query.minus)))
        known = dict(zip(words, self.look_up_all(words), strict=True))
        asked = [_combined(question, known) for question in questions]
        requests = [self._request(words) for words in asked if isinstance(words, CombinedWords)]
        search = self._neighborhood.by_product if method == MUL else self._neighborhood.by_sum
        found = search(requests, k)
        for combined in asked:
            if isinstance(combined, TokitError):
                yield combined
                continue
            query = combined if combined.minus or len(combined.plus) > 1 else combined.plus[0]
            yield Nearest(query, self._neighbors(*next(found)))

    def _request(self, combined: CombinedWords) -> Request:
        plus, minus = ([self.vector(query) for query in queries] for queries in (combined.plus, combined.minus))
        dim = self._vectors.shape[1]
        ids = tuple(i for query in (*combined.plus, *combined.minus) for i in query.ids)
        return Request(np.array(plus, dtype=np.float32), np.array(minus, dtype=np.float32).reshape(-1, dim), ids)

    def look_up(self, word: str) -> LookedUpWord:
        """Look a word up: its token after a space, else without one, else its n-grams or its pieces.

        Raises:
            UnknownWordError: nothing of the word was in the training corpus, or it is empty.
            UsageError: the word is not UTF-8.
        """
        query = self.look_up_all([word])[0]
        if isinstance(query, TokitError):
            raise query
        return query

    def look_up_all(self, words: Sequence[str]) -> list[LookedUpWord | TokitError]:
        """Look many words up; errors that `look_up` would raise are in the list."""
        wrong = [_no_word(word) for word in words]
        sound = [word for word, error in zip(words, wrong, strict=True) if error is None]
        pairs = iter(encode_spellings(self._tokenizer, word_spellings(sound)))
        return [
            self._found(word, next(pairs)) if error is None else error for word, error in zip(words, wrong, strict=True)
        ]

    def _found(self, word: str, spellings: Spellings) -> LookedUpWord | TokitError:
        whole = whole_token(spellings, self._known)
        if whole is not None:
            return self._query(word, [whole], composed=False)
        composed = self._unknown.compose(word)
        if composed is not None:
            return LookedUpWord(word, (), (), composed=True, ngrams=composed[1])
        # With the same number of pieces: the spelling with a space, as in running text.
        pieces = min(spellings, key=len)
        known = [i for i in pieces if self._known[i]]
        if not known:
            return UnknownWordError(
                f"'{word}' is unknown: the text that the embedding was fitted on has none of its pieces",
                hint="check the spelling and the case, or fit on text that has it",
            )
        return self._query(word, known, composed=True)

    def _query(self, word: str, ids: list[int], *, composed: bool) -> LookedUpWord:
        names, texts = self._pieces.names, self._pieces.texts
        shown = tuple(message_text(names[i], texts[i]) for i in ids)
        return LookedUpWord(word, tuple(ids), tuple(names[i] for i in ids), composed, texts=shown)

    def vector(self, query: LookedUpWord) -> FloatArray:
        """Vector of a word: its token's, or the mean of its n-grams or pieces. Shape (dim,)."""
        if query.ngrams:
            composed = self._unknown.compose(query.word)
            if composed is None:
                raise TypeError("a query of another embedding")
            return composed[0]
        mean: FloatArray = self._vectors[np.array(query.ids)].mean(axis=0)
        return mean

    def _neighbors(self, ids: IntArray, scores: FloatArray) -> tuple[Neighbor, ...]:
        names, texts = self._pieces.names, self._pieces.texts
        return tuple(
            Neighbor(i, names[i], message_text(names[i], texts[i]), float(f"{score:.6f}"))
            for i, score in zip(ids.tolist(), scores.tolist(), strict=True)
        )


def open_space(folder: str | Path, *, by_pieces: bool = False) -> WordSpace:
    """Open an embedding folder for word queries.

    Args:
        folder: An embedding.
        by_pieces: Compose out-of-vocabulary words from pieces, even if the embedding has n-grams.

    Raises:
        ArtifactError: no embedding, or a damaged one.
    """
    embedding = load_embedding(folder)
    tokenizer = open_own_tokenizer(embedding)
    return (
        WordSpace(embedding, tokenizer) if by_pieces else WordSpace(embedding, tokenizer, lambda: load_ngrams(folder))
    )


def _combined(question: WordQuery, known: dict[str, LookedUpWord | TokitError]) -> CombinedWords | TokitError:
    plus: list[LookedUpWord] = []
    minus: list[LookedUpWord] = []
    for words, queries in ((question.plus, plus), (question.minus, minus)):
        for word in words:
            query = known[word]
            if isinstance(query, TokitError):
                return query
            queries.append(query)
    return CombinedWords(question.text, tuple(plus), tuple(minus))


def _no_word(word: str) -> TokitError | None:
    if not word.strip():
        return UnknownWordError(f"'{word}' is unknown: there is no word in it", hint="give a word: tokit near river")
    if _is_utf8(word):
        return None
    shown = word.encode("utf-8", errors="backslashreplace").decode("utf-8")
    return UsageError(f"'{shown}' is not UTF-8", hint="words are looked up as text")


def _is_utf8(word: str) -> bool:
    try:
        word.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
