"""Words that were skipped or are unreachable: their number, and examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tokit.storage.embedding_manifest import WordsRecord

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class SkippedWords:
    """Words that were skipped for one reason: their number, and the first of them."""

    count: int
    examples: tuple[str, ...]

    @classmethod
    def of(cls, words: Sequence[str]) -> SkippedWords:
        """Count words, and keep different ones as examples."""
        return cls(len(words), tuple(dict.fromkeys(words[: 4 * EXAMPLES]))[:EXAMPLES])

    def as_record(self) -> WordsRecord:
        """Entry of a manifest."""
        return {"count": self.count, "examples": list(self.examples)}


def skip_notes(reasons: Iterable[tuple[SkippedWords, str]], unit: str) -> list[str]:
    """One note for each reason that words were skipped for: their number, the reason, examples."""
    return [
        f"{skipped.count:,} {unit} {reason}: {', '.join(map(repr, skipped.examples))}"
        for skipped, reason in reasons
        if skipped.count
    ]
