"""Words in context: the query of `tokit near --context`, its neighbors, and the search for the nearest ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tokit.errors import UsageError


@dataclass(frozen=True, slots=True)
class InContext:
    """A word in a text.

    Attributes:
        word: Its spelling in the text.
        text: The whole text.
        start: Its first character.
        end: One past its last character.
    """

    word: str
    text: str
    start: int
    end: int

    @classmethod
    def of(cls, word: str, text: str) -> InContext:
        """First occurrence of a word in a text; in another case, if this one does not occur.

        Raises:
            UsageError: the word does not occur.
        """
        match = None
        if word.strip():
            pattern = rf"(?<!\w){re.escape(word.strip())}(?!\w)"
            match = re.search(pattern, text) or re.search(pattern, text, re.IGNORECASE)
        if match is None:
            raise UsageError(f"'{word}' is not a word of '{text}'", hint="give a --context that contains the word")
        return cls(match.group(), text, *match.span())


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A neighbor of a word.

    Attributes:
        word: Its spelling in its text.
        similarity: Cosine, -1 to 1.
        text: Its document; None for a word of the vocabulary.
        start: Its first character there.
        end: One past its last character.
    """

    word: str
    similarity: float
    text: str | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class NearContext:
    """The neighbors of a word in a text, nearest first.

    Attributes:
        query: The word.
        of: "corpus" or "vocabulary".
        words: Number of words that were compared.
        neighbors: Nearest first.
    """

    query: InContext
    of: str
    words: int
    neighbors: tuple[Occurrence, ...]


class NearestOccurrences:
    """The nearest occurrences so far, with at most `per_word` of each word.

    Args:
        k: Number of occurrences to keep.
        per_word: Occurrences of the same word, in any case, to keep.
    """

    def __init__(self, k: int, per_word: int) -> None:
        self._k = k
        self._per_word = per_word
        self._words: dict[str, list[Occurrence]] = {}
        self.floor = -np.inf

    def add(self, occurrences: Sequence[Occurrence]) -> None:
        """Add the occurrences that are among the nearest."""
        for occurrence in occurrences:
            same_word = self._words.setdefault(occurrence.word.casefold(), [])
            same_word.append(occurrence)
            same_word.sort(key=_similarity, reverse=True)
            del same_word[self._per_word :]
        # Words beyond the k nearest ones have no place among the k nearest occurrences.
        nearest = sorted(self._words.items(), key=lambda item: item[1][0].similarity, reverse=True)[: self._k]
        self._words = dict(nearest)
        result = self.result()
        self.floor = result[-1].similarity if len(result) == self._k else -np.inf

    def result(self) -> tuple[Occurrence, ...]:
        """The occurrences, nearest first."""
        occurrences = [occurrence for same_word in self._words.values() for occurrence in same_word]
        return tuple(sorted(occurrences, key=_similarity, reverse=True)[: self._k])


def _similarity(occurrence: Occurrence) -> float:
    return occurrence.similarity
