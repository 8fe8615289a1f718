"""What an embedding answers: the tokens near to a word, or to several with signs, and what each word was taken for."""

from __future__ import annotations

from dataclasses import dataclass

from tokit.embedding.words.query import Question


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
class Neighbor:
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
    """The neighbors of one word, or of several with signs, nearest first."""

    query: Query | Combined
    neighbors: tuple[Neighbor, ...]


@dataclass(frozen=True, slots=True)
class Analogy:
    """What is to `c` as `b` is to `a`, best first."""

    a: Query
    b: Query
    c: Query
    neighbors: tuple[Neighbor, ...]


def unanswered(question: Question) -> Nearest:
    """An answer without neighbors, to a question with a word that is unknown."""
    plus, minus = (
        tuple(Query(word, (), (), composed=False) for word in words) for words in (question.plus, question.minus)
    )
    return Nearest(plus[0] if not minus and len(plus) == 1 else Combined(question.text, plus, minus), ())


def as_analogy(answer: Nearest) -> Analogy:
    """An answer to `analogy_of`."""
    if not isinstance(answer.query, Combined):
        raise TypeError("not an answer to an analogy")
    (b, c), (a,) = answer.query.plus, answer.query.minus
    return Analogy(a, b, c, answer.neighbors)
