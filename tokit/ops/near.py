"""`tokit near` and `tokit analogy`: the tokens whose vectors lie nearest, to one word or to several with signs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.neighbours import Neighbourhood, Request
from tokit.embedding.ngrams import BROKEN, NgramTable
from tokit.embedding.store import StaticEmbedding, load_embedding, load_ngrams
from tokit.errors import TokitError, UsageError
from tokit.ops.embed import open_own_tokenizer
from tokit.ops.lookup import Spellings, spelled, whole_token, word_spellings
from tokit.ops.unknown import UnknownWords
from tokit.registry import did_you_mean
from tokit.tokenizer.engine import LibraryTokenizer

DEFAULT_K = 10
ADD, MUL = "add", "mul"
METHODS = (ADD, MUL)
SIGNS = ("+", "-")


class UnknownWordError(TokitError):
    """A word that the embedding has no vector for."""


@dataclass(frozen=True, slots=True)
class Query:
    """A word, and the tokens that its vector was taken from.

    Attributes:
        word: As the user gave it.
        ids: The word's token; or its pieces, and the vector is their mean; or none, and it is that of n-grams.
        tokens: Their names.
        composed: No single token is this word.
        ngrams: Of so many n-grams of the word the embedding has vectors, if it is composed from those.
    """

    word: str
    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    composed: bool
    ngrams: int = 0


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A token near a query.

    Attributes:
        id: Its id.
        token: Its name in the tokenizer's file.
        text: The text that it stands for.
        similarity: Cosine, -1 to 1; by "mul" the quotient of products, 0 or more.
    """

    id: int
    token: str
    text: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Question:
    """Words as the user gave them: those to be near to, and those to be far from."""

    text: str
    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()

    @classmethod
    def of(cls, words: Sequence[str]) -> Question:
        """Words of which each may have a sign before it: `king -man +woman`.

        Raises:
            UsageError: all of them have a minus.
        """
        text = " ".join(words)
        minus = tuple(word[1:] for word in words if is_signed(word) and word[0] == "-")
        plus = tuple(
            word[1:] if is_signed(word) else word for word in words if not (is_signed(word) and word[0] == "-")
        )
        if not plus:
            raise UsageError(
                f"'{text}' only takes away", hint=f"add a word, or write +{text} for one that begins with a sign"
            )
        return cls(text, plus, minus)

    @classmethod
    def all_of(cls, words: Sequence[str]) -> list[Question]:
        """One question of words of which any has a sign; else one of each word."""
        return [cls.of(words)] if any(map(is_signed, words)) else [cls(word, (word,)) for word in words]

    @classmethod
    def of_line(cls, line: str) -> Question:
        """The same from a line; without any sign it is one word, whatever is in it."""
        words = line.split()
        return cls.of(words) if any(map(is_signed, words)) else cls(line, (line,))


@dataclass(frozen=True, slots=True)
class Combined:
    """Several words with signs, each looked up.

    Attributes:
        word: As the user gave them.
        plus: To be near to.
        minus: To be far from.
    """

    word: str
    plus: tuple[Query, ...]
    minus: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Nearest:
    """The neighbours of one word, or of several with signs, nearest first."""

    query: Query | Combined
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
            k: So many neighbours each.
            method: "add", the nearest to the sum of unit vectors (3CosAdd), or "mul", the largest quotient of products
                of similarities (3CosMul).
        """
        words = list(dict.fromkeys(word for each in questions for word in (*each.plus, *each.minus)))
        known = dict(zip(words, self.look_up_all(words), strict=True))
        asked = [_combined(question, known) for question in questions]
        requests = [self._request(each) for each in asked if isinstance(each, Combined)]
        search = self._neighbourhood.by_product if method == MUL else self._neighbourhood.by_sum
        found = search(requests, k)
        for each in asked:
            if isinstance(each, TokitError):
                yield each
                continue
            query = each if each.minus or len(each.plus) > 1 else each.plus[0]
            yield Nearest(query, self._neighbours(*next(found)))

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

    def _neighbours(self, ids: IntArray, scores: FloatArray) -> tuple[Neighbour, ...]:
        names, texts = self._pieces.names, self._pieces.texts
        return tuple(
            Neighbour(i, names[i], names[i] if BROKEN in texts[i] else texts[i], float(f"{score:.6f}"))
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


def check_k(k: int) -> None:
    """Refuse a number of neighbours below one.

    Raises:
        UsageError: it is.
    """
    if k < 1:
        raise UsageError(f"-k {k}: not a positive number", hint=f"-k {DEFAULT_K}")


def check_method(method: str) -> None:
    """Refuse an unknown way of putting words together.

    Raises:
        UsageError: it is.
    """
    if method not in METHODS:
        raise UsageError(f"unknown --method '{method}'", hint=did_you_mean(method, list(METHODS)))


def is_signed(word: str) -> bool:
    """Whether a word has a sign before it; a sign alone is a word."""
    return len(word) > 1 and word[0] in SIGNS


def unanswered(question: Question) -> Nearest:
    """An answer without neighbours, to a question with a word that is unknown."""
    plus, minus = (
        tuple(Query(word, (), (), composed=False) for word in words) for words in (question.plus, question.minus)
    )
    return Nearest(plus[0] if not minus and len(plus) == 1 else Combined(question.text, plus, minus), ())


def analogy_of(a: str, b: str, c: str) -> Question:
    """What is to `c` as `b` is to `a`."""
    return Question(f"{a} : {b} = {c} : ", (b, c), (a,))


def as_analogy(answer: Nearest) -> Analogy:
    """An answer to `analogy_of`."""
    if not isinstance(answer.query, Combined):
        raise TypeError("not an answer to an analogy")
    (b, c), (a,) = answer.query.plus, answer.query.minus
    return Analogy(a, b, c, answer.neighbours)


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
