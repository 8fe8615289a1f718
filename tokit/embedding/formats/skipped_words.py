"""Words that were left out, or are of no use: how many, and some of them to show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Found:
    """Words with something in common: how many, and the first of them."""

    count: int
    examples: tuple[str, ...]

    @classmethod
    def of(cls, words: Sequence[str]) -> Found:
        """All of these; an example is shown once."""
        return cls(len(words), tuple(dict.fromkeys(words[: 4 * EXAMPLES]))[:EXAMPLES])


def notes_of(told: Iterable[tuple[Found, str]], unit: str) -> list[str]:
    """A line for each kind of which there are some: so many of the unit, and what became of them."""
    return [
        f"{found.count:,} {unit} {what}: {', '.join(map(repr, found.examples))}" for found, what in told if found.count
    ]
