"""Run the trainers of the `tokenizers` library, which take text, on counted pre-tokens.

Each word is repeated by its count, between separators at which the trainer splits. The trainer's result depends on
counts alone, so it is the one that the text itself would give.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tokit.progress import Progress, Tick

if TYPE_CHECKING:
    from tokenizers import models

CHUNK_CHARS = 1 << 16
# Characters of a word that Unigram and WordPiece are trained on in one piece.
LONGEST_WORD = 1000
# Beside the bar while the library learns.
UNREPORTED = "(the tokenizers library reports no progress)"
FIRST_PRIVATE = 0xE000


def shortened(items: list[tuple[str, int]]) -> tuple[list[tuple[str, int]], tuple[str, ...]]:
    """Split words that are longer than `LONGEST_WORD`, and a note if there were any.

    The library's time grows with the square of a word's length: a line without spaces, as of DNA, would take minutes.
    """
    count = sum(len(word) > LONGEST_WORD for word, _ in items)
    if not count:
        return items, ()
    parts: Counter[str] = Counter()
    for word, times in items:
        for start in range(0, len(word), LONGEST_WORD):
            parts[word[start : start + LONGEST_WORD]] += times
    return list(parts.items()), (f"words of over {LONGEST_WORD:,} characters were trained on in parts: {count:,}",)


def train_from_counts(model: models.Model, trainer: Any, items: list[tuple[str, int]], tick: Tick) -> dict[str, Any]:
    """Run a trainer of the library on counted words.

    Args:
        model: An empty model of the trainer's kind.
        trainer: One of `tokenizers.trainers`.
        items: (word, count) of each pre-token; no normalizer or pre-tokenizer is applied to them.
        tick: Progress, in occurrences of words.

    Returns:
        The `model` part of the resulting tokenizer.json.
    """
    import json

    from tokenizers import Tokenizer, pre_tokenizers

    separator = absent_character(word for word, _ in items)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.CharDelimiterSplit(separator)
    total = sum(count for _, count in items)
    tokenizer.train_from_iterator(_replay(items, separator, total, tick), trainer=trainer)
    spec: dict[str, Any] = json.loads(tokenizer.to_str())
    return dict(spec["model"])


def absent_character(words: Iterable[str]) -> str:
    """A character that is in none of the words: the first free one of the private use area, or after it."""
    used = set().union(*map(set, words))
    code = FIRST_PRIVATE
    while chr(code) in used:
        code += 1
    return chr(code)


def _replay(items: list[tuple[str, int]], separator: str, total: int, tick: Tick) -> Iterator[str]:
    done = 0
    parts: list[str] = []
    room = CHUNK_CHARS
    for word, count in items:
        left = count
        while left:
            times = min(left, max(1, room // (len(word) + 1)))
            parts.append((word + separator) * times)
            left -= times
            room -= times * (len(word) + 1)
            if room <= 0:
                yield "".join(parts)
                parts, room = [], CHUNK_CHARS
        done += count
        tick(Progress("replaying counts", done, total, "words"))
    yield "".join(parts)
    tick(Progress("learning", total, None, "words", UNREPORTED))
