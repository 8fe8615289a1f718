"""Tags of tokens as words or entities, grouped as the token-classification pipeline of transformers does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tokit.arrays import FloatArray
from tokit.lm.finetune.encode_examples import NONE, OUTSIDE, first_tokens
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

EACH, SIMPLE, FIRST, AVERAGE, MAX = "none", "simple", "first", "average", "max"
AGGREGATIONS = (EACH, SIMPLE, FIRST, AVERAGE, MAX)


@dataclass(frozen=True, slots=True)
class TaggedToken:
    """A token, or several that make a word.

    Attributes:
        names: Names of the tokens.
        scores: Of each label; shape (labels,).
        start: First character.
        end: Exclusive end, in characters.
        index: Position in the model's input.
        inside: True if it continues the word of the token before.
    """

    names: tuple[str, ...]
    scores: FloatArray
    start: int
    end: int
    index: int
    inside: bool = False


@dataclass(frozen=True, slots=True)
class TagGrouping:
    """Grouping of tagged tokens.

    Attributes:
        tokenizer: The model's.
        labels: Name of each label.
    """

    tokenizer: LibraryTokenizer
    labels: Sequence[str]

    def words(self, text: str, rows: FloatArray, offsets: Sequence[tuple[int, int]]) -> dict[str, Any]:
        """Words between white space, with the tag of the first token of each and its score, as in fine-tuning.

        Args:
            text: Words with one space between them.
            rows: Scores of each token; shape (tokens, labels).
            offsets: (start, end) of each token in characters.
        """
        words = text.split(" ") if text else []
        firsts = first_tokens(words, offsets) if words else []
        fallback = OUTSIDE if OUTSIDE in self.labels else self.labels[0]
        tags = [fallback if first == NONE else self.labels[int(rows[first].argmax())] for first in firsts]
        scores = [None if first == NONE else rounded(rows[first].max()) for first in firsts]
        return {"words": words, "tags": tags, "scores": scores}

    def entities(
        self, text: str, ids: Sequence[int], rows: FloatArray, offsets: Sequence[tuple[int, int]], aggregation: str
    ) -> list[dict[str, Any]]:
        """Entities of a text; those with the tag O are left out.

        Args:
            text: The text.
            ids: Its tokens.
            rows: Scores of each; shape (tokens, labels).
            offsets: (start, end) of each in characters.
            aggregation: One of `AGGREGATIONS`.
        """
        tokens = self._tokens(text, ids, rows, offsets)
        if aggregation not in (EACH, SIMPLE):
            tokens = [self._word(group, aggregation) for group in _by_word(tokens)]
        if aggregation == EACH:
            found = [self._each(token) for token in tokens]
        else:
            found = [self._group(group) for group in self._by_tag(tokens)]
        return [entity for entity in found if OUTSIDE not in (entity.get("entity"), entity.get("entity_group"))]

    def _tokens(
        self, text: str, ids: Sequence[int], rows: FloatArray, offsets: Sequence[tuple[int, int]]
    ) -> list[TaggedToken]:
        before, names = len(self.tokenizer.frame[0]), self.tokenizer.pieces.names
        marked = getattr(self.tokenizer.library.model, "continuing_subword_prefix", None)
        tokens = []
        for number, (i, row, (start, end)) in enumerate(zip(ids, rows, offsets, strict=True)):
            name, written = names[i], text[start:end]
            inside = len(name) != len(written) if marked else start > 0 and " " not in text[start - 1 : start + 1]
            if i == self.tokenizer.unknown_id:
                name, inside = written, False
            tokens.append(TaggedToken((name,), row, start, end, before + number, inside))
        return tokens

    def _word(self, tokens: Sequence[TaggedToken], aggregation: str) -> TaggedToken:
        """A word with the scores of its first token, their mean, or those of its surest token."""
        scores = tokens[0].scores
        if aggregation == AVERAGE:
            scores = np.mean([token.scores for token in tokens], axis=0)
        elif aggregation == MAX:
            scores = max((token.scores for token in tokens), key=lambda row: float(row.max()))
        first, last = tokens[0], tokens[-1]
        return TaggedToken((self._text([name for token in tokens for name in token.names]),), scores, first.start,
                           last.end, first.index)  # fmt: skip

    def _by_tag(self, tokens: Sequence[TaggedToken]) -> list[list[TaggedToken]]:
        """Neighbors of the same tag; B- begins a new group."""
        groups: list[list[TaggedToken]] = []
        for token in tokens:
            label = self._label(token)
            if groups and not label.startswith("B-") and _tag(label) == _tag(self._label(groups[-1][-1])):
                groups[-1].append(token)
            else:
                groups.append([token])
        return groups

    def _each(self, token: TaggedToken) -> dict[str, Any]:
        return {
            "entity": self._label(token),
            "score": rounded(token.scores.max()),
            "index": token.index,
            "word": token.names[0],
            "start": token.start,
            "end": token.end,
        }

    def _group(self, tokens: Sequence[TaggedToken]) -> dict[str, Any]:
        return {
            "entity_group": self._label(tokens[0]).split("-", 1)[-1],
            "score": rounded(np.mean([token.scores.max() for token in tokens])),
            "word": self._text([name for token in tokens for name in token.names]),
            "start": tokens[0].start,
            "end": tokens[-1].end,
        }

    def _label(self, token: TaggedToken) -> str:
        return self.labels[int(token.scores.argmax())]

    def _text(self, names: list[str]) -> str:
        decoder = self.tokenizer.library.decoder
        return " ".join(names) if decoder is None else str(decoder.decode(names))


def rounded(score: Any) -> float:
    """A score with the digits that a float32 has."""
    return float(f"{float(score):.9g}")


def _by_word(tokens: Sequence[TaggedToken]) -> list[list[TaggedToken]]:
    words: list[list[TaggedToken]] = []
    for token in tokens:
        if words and token.inside:
            words[-1].append(token)
        else:
            words.append([token])
    return words


def _tag(label: str) -> str:
    return label[2:] if label.startswith(("B-", "I-")) else label
