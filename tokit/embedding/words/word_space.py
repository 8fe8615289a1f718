"""`tokit near` and `tokit analogy`: the tokens whose vectors lie nearest, to one word or to several with signs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.embedding_folder import StaticEmbedding, load_embedding, load_ngrams
from tokit.embedding.nearest import Neighborhood, Request
from tokit.embedding.ngrams import BROKEN, NgramTable
from tokit.embedding.static_embedder import open_own_tokenizer
from tokit.embedding.words.lookup import Spellings, spelled, whole_token, word_spellings
from tokit.embedding.words.oov import UnknownWords
from tokit.embedding.words.query import ADD, DEFAULT_K, MUL, Question, analogy_of
from tokit.embedding.words.results import Analogy, Combined, Nearest, Neighbor, Query, as_analogy
from tokit.errors import TokitError, UsageError
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer


class UnknownWordError(TokitError):
    """A word that the embedding has no vector for."""


class WordSpace:
    """An embedding in which words are looked up.

    Special tokens and tokens that the training corpus did not have are no one's neighbors.

    Args:
        embedding: The vectors.
        tokenizer: Theirs.
        ngrams: Gives the n-grams that a word which is no token is composed from; without them it is from its pieces.
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
        """Tokens that may be a word's, or its neighbors; shape (vocab,)."""
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
        return self.answer(Question(word, (word,)), k)

    def analogy(self, a: str, b: str, c: str, k: int = DEFAULT_K, method: str = ADD) -> Analogy:
        """The `k` tokens nearest to b - a + c, the three left out.

        Raises:
            UnknownWordError: nothing of a word was in the training corpus.
        """
        return as_analogy(self.answer(analogy_of(a, b, c), k, method))

    def answer(self, question: Question, k: int = DEFAULT_K, method: str = ADD) -> Nearest:
        """The `k` tokens nearest to the words of a question, which are left out.

        Raises:
            UnknownWordError: nothing of a word was in the training corpus.
        """
        answer = next(self.answers([question], k, method))
        if isinstance(answer, TokitError):
            raise answer
        return answer

    def answers(self, questions: Sequence[Question], k: int, method: str = ADD) -> Iterator[Nearest | TokitError]:
        """The same for many questions, in their order; what `answer` would raise comes as an answer.

        Args:
            questions: Words with signs.
            k: So many neighbors each.
            method: "add", the nearest to the sum of unit vectors (3CosAdd), or "mul", the largest quotient of products
                of similarities (3CosMul).
        """
        words = list(dict.fromkeys(word for each in questions for word in (*each.plus, *each.minus)))
        known = dict(zip(words, self.look_up_all(words), strict=True))
        asked = [_combined(question, known) for question in questions]
        requests = [self._request(each) for each in asked if isinstance(each, Combined)]
        search = self._neighborhood.by_product if method == MUL else self._neighborhood.by_sum
        found = search(requests, k)
        for each in asked:
            if isinstance(each, TokitError):
                yield each
                continue
            query = each if each.minus or len(each.plus) > 1 else each.plus[0]
            yield Nearest(query, self._neighbors(*next(found)))

    def _request(self, combined: Combined) -> Request:
        plus, minus = ([self.vector(query) for query in queries] for queries in (combined.plus, combined.minus))
        dim = self._vectors.shape[1]
        ids = tuple(i for query in (*combined.plus, *combined.minus) for i in query.ids)
        return Request(np.array(plus, dtype=np.float32), np.array(minus, dtype=np.float32).reshape(-1, dim), ids)

    def look_up(self, word: str) -> Query:
        """The token of a word as it stands after a space, else as it stands alone, else its n-grams or its pieces.

        Raises:
            UnknownWordError: nothing of the word was in the training corpus, or it is empty.
            UsageError: the word is not UTF-8.
        """
        query = self.look_up_all([word])[0]
        if isinstance(query, TokitError):
            raise query
        return query

    def look_up_all(self, words: Sequence[str]) -> list[Query | TokitError]:
        """The same for many words; what `look_up` would raise is in the list."""
        wrong = [_no_word(word) for word in words]
        sound = [word for word, error in zip(words, wrong, strict=True) if error is None]
        pairs = iter(spelled(self._tokenizer, word_spellings(sound)))
        return [
            self._found(word, next(pairs)) if error is None else error for word, error in zip(words, wrong, strict=True)
        ]

    def _found(self, word: str, spellings: Spellings) -> Query | TokitError:
        whole = whole_token(spellings, self._known)
        if whole is not None:
            return self._query(word, [whole], composed=False)
        composed = self._unknown.compose(word)
        if composed is not None:
            return Query(word, (), (), composed=True, ngrams=composed[1])
        # Equally many pieces: with the space, as in running text.
        pieces = min(spellings, key=len)
        known = [i for i in pieces if self._known[i]]
        if not known:
            return UnknownWordError(
                f"'{word}' is unknown: the text that the embedding was fitted on has none of its pieces",
                hint="check the spelling and the case, or fit on text that has it",
            )
        return self._query(word, known, composed=True)

    def _query(self, word: str, ids: list[int], *, composed: bool) -> Query:
        return Query(word, tuple(ids), tuple(self._pieces.names[i] for i in ids), composed)

    def vector(self, query: Query) -> FloatArray:
        """The vector of what was looked up: a token's own, or the mean of its n-grams' or pieces'. Shape (dim,)."""
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
            Neighbor(i, names[i], names[i] if BROKEN in texts[i] else texts[i], float(f"{score:.6f}"))
            for i, score in zip(ids.tolist(), scores.tolist(), strict=True)
        )


def open_space(folder: str | Path, *, by_pieces: bool = False) -> WordSpace:
    """Open an embedding folder for looking words up.

    Args:
        folder: The embedding's.
        by_pieces: A word that is no token is the mean of its pieces, even if the embedding has n-grams.

    Raises:
        ArtifactError: no embedding, or a damaged one.
    """
    embedding = load_embedding(folder)
    tokenizer = open_own_tokenizer(embedding)
    return (
        WordSpace(embedding, tokenizer) if by_pieces else WordSpace(embedding, tokenizer, lambda: load_ngrams(folder))
    )


def _combined(question: Question, known: dict[str, Query | TokitError]) -> Combined | TokitError:
    plus: list[Query] = []
    minus: list[Query] = []
    for words, queries in ((question.plus, plus), (question.minus, minus)):
        for word in words:
            query = known[word]
            if isinstance(query, TokitError):
                return query
            queries.append(query)
    return Combined(question.text, tuple(plus), tuple(minus))


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
