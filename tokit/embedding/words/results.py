"""Result types of nearest-neighbor queries."""

from __future__ import annotations

from dataclasses import dataclass

from tokit.embedding.words.query import WordQuery


@dataclass(frozen=True, slots=True)
class LookedUpWord:
    """A word, and the tokens that its vector is from.

    Attributes:
        word: Word of the user.
        ids: The word's token; or its pieces, whose mean is the vector; or none, if the vector is from n-grams.
        tokens: Names of these tokens.
        texts: Their texts, as a message shows them.
        composed: True if no single token is this word.
        ngrams: Number of the word's n-grams that have vectors, if it is composed from those.
    """

    word: str
    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    composed: bool
    ngrams: int = 0
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A token near a query.

    Attributes:
        id: Id of the token.
        token: Name in the tokenizer's file.
        text: Text of the token.
        similarity: Cosine, -1 to 1; by "mul" the quotient of products, 0 or more.
    """

    id: int
    token: str
    text: str
    similarity: float


@dataclass(frozen=True, slots=True)
class CombinedWords:
    """Several words with signs, looked up.

    Attributes:
        word: Words of the user.
        plus: Positive words.
        minus: Negative words.
    """

    word: str
    plus: tuple[LookedUpWord, ...]
    minus: tuple[LookedUpWord, ...]


@dataclass(frozen=True, slots=True)
class Nearest:
    """Neighbors of one word, or of several with signs, nearest first."""

    query: LookedUpWord | CombinedWords
    neighbors: tuple[Neighbor, ...]


@dataclass(frozen=True, slots=True)
class Analogy:
    """Words that are to `c` as `b` is to `a`, best first."""

    a: LookedUpWord
    b: LookedUpWord
    c: LookedUpWord
    neighbors: tuple[Neighbor, ...]


def unanswered(question: WordQuery) -> Nearest:
    """Result without neighbors, of a query with an unknown word."""
    plus, minus = (
        tuple(LookedUpWord(word, (), (), composed=False) for word in words) for words in (question.plus, question.minus)
    )
    return Nearest(plus[0] if not minus and len(plus) == 1 else CombinedWords(question.text, plus, minus), ())


def as_analogy(answer: Nearest) -> Analogy:
    """Convert the result of a query of `analogy_of`."""
    if not isinstance(answer.query, CombinedWords):
        raise TypeError("not an answer to an analogy")
    (b, c), (a,) = answer.query.plus, answer.query.minus
    return Analogy(a, b, c, answer.neighbors)
