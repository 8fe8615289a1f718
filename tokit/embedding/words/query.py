"""Nearest-neighbor queries: positive and negative words, the method that combines them, and the number of results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokit.errors import UsageError
from tokit.registry import did_you_mean

DEFAULT_K = 10
ADD, MUL = "add", "mul"
METHODS = (ADD, MUL)
SIGNS = ("+", "-")


@dataclass(frozen=True, slots=True)
class WordQuery:
    """Words of the user: positive ones, to be near to, and negative ones, to be far from."""

    text: str
    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()

    @classmethod
    def of(cls, words: Sequence[str]) -> WordQuery:
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
                f"'{text}' has no positive word",
                hint=f"add a word, or write +{text} if the word itself starts with a sign",
            )
        return cls(text, plus, minus)

    @classmethod
    def from_words(cls, words: Sequence[str], minus: Sequence[str] = ()) -> list[WordQuery]:
        """One query of all words if some are subtracted, else one of each word. Signs are part of a word here.

        Raises:
            UsageError: words are subtracted from nothing.
        """
        if not minus:
            return [cls(word, (word,)) for word in words]
        text = " ".join([*words, *[f"-{word}" for word in minus]])
        if not words:
            raise UsageError(f"'{text}' has no positive word", hint="add a word: king --minus man")
        return [cls(text, tuple(words), tuple(minus))]

    @classmethod
    def of_line(cls, line: str) -> WordQuery:
        """A query from a line: words with signs, or, without any sign, the whole line as one word."""
        words = line.split()
        return cls.of(words) if any(map(is_signed, words)) else cls(line, (line,))


def is_signed(word: str) -> bool:
    """True if a word has a sign before it; a sign alone is a word."""
    return len(word) > 1 and word[0] in SIGNS


def analogy_of(a: str, b: str, c: str) -> WordQuery:
    """Query for the word that is to `c` as `b` is to `a`."""
    return WordQuery(f"{a} : {b} = {c} : ", (b, c), (a,))


def check_k(k: int) -> None:
    """Refuse a number of neighbors below one.

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
