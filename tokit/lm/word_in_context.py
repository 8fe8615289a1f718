"""`tokit near --context`: what lies near a word as it is meant in a text, by a language model.

The vector of a word in a text is the mean of its pieces'. Its neighbors are words as they stand in the documents of a
corpus; or, without one, words of the model's vocabulary, each put through the model alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tokit.arrays import Block, FloatArray, Ids, IntArray
from tokit.corpus import Corpus
from tokit.corpus.corpus_progress import empty_corpus
from tokit.embedding.nearest import unit_rows
from tokit.errors import UsageError
from tokit.lm.contextual_embedder import (
    DOCUMENTS_AT_ONCE,
    ContextualEmbedder,
    is_language_model,
    open_contextual_embedder,
    refuse_missing,
)
from tokit.progress import Progress, Tick, silent
from tokit.tokenizer.encode_corpus import encode_corpus
from tokit.tokenizer.word_starts import word_starts

DEFAULT_PER_WORD = 2
# Letters, and what holds them together in "don't".
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class InContext:
    """A word in a text.

    Attributes:
        word: As it stands there.
        text: All of it.
        start: Where it begins, in characters.
        end: One past its last character.
    """

    word: str
    text: str
    start: int
    end: int

    @classmethod
    def of(cls, word: str, text: str) -> InContext:
        """The first place of a word in a text; in another case, if it does not stand there as given.

        Raises:
            UsageError: the word is not in it.
        """
        found = None
        if word.strip():
            pattern = rf"(?<!\w){re.escape(word.strip())}(?!\w)"
            found = re.search(pattern, text) or re.search(pattern, text, re.IGNORECASE)
        if found is None:
            raise UsageError(f"'{word}' is not a word of '{text}'", hint="--context takes a text that the word is in")
        return cls(found.group(), text, *found.span())


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A word near another.

    Attributes:
        word: As it stands in its text.
        similarity: Cosine, -1 to 1.
        text: The document that it stands in; None for a word of the vocabulary, alone.
        start: Where it begins there, in characters.
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
        words: That were compared.
        neighbors: Nearest first.
    """

    query: InContext
    of: str
    words: int
    neighbors: tuple[Occurrence, ...]


@dataclass(frozen=True, slots=True)
class _Documents:
    """Some documents: their texts, their ids as the template frames them, the place of each token in the text."""

    texts: Sequence[str]
    ids: Ids
    offsets: Sequence[list[Span]]

    def part(self, part: slice) -> _Documents:
        """Those of them, from a place on."""
        ends, start = self.ids.ends[part], int(self.ids.ends[part.start - 1]) if part.start else 0
        ids = Ids(self.ids.data[start : int(ends[-1])], ends - start)
        return _Documents(self.texts[part], ids, self.offsets[part])


class Best:
    """The nearest so far, of each word only so many.

    Args:
        k: All in all.
        per_word: Of a word, whatever its case.
    """

    def __init__(self, k: int, per_word: int) -> None:
        self._k = k
        self._per_word = per_word
        self._words: dict[str, list[Occurrence]] = {}
        self.floor = -np.inf

    def add(self, found: Sequence[Occurrence]) -> None:
        """Take those in that are among the nearest."""
        for each in found:
            held = self._words.setdefault(each.word.casefold(), [])
            held.append(each)
            held.sort(key=lambda one: -one.similarity)
            del held[self._per_word :]
        # Words beyond the k nearest ones have no place among the k nearest occurrences.
        nearest = sorted(self._words.items(), key=lambda item: -item[1][0].similarity)[: self._k]
        self._words = dict(nearest)
        result = self.result()
        self.floor = result[-1].similarity if len(result) == self._k else -np.inf

    def result(self) -> tuple[Occurrence, ...]:
        """The nearest ones, nearest first."""
        every = [each for held in self._words.values() for each in held]
        return tuple(sorted(every, key=lambda each: -each.similarity)[: self._k])


class ContextSpace:
    """A language model in which words are looked up by what they mean in a text.

    Args:
        embedder: The model and its tokenizer.
    """

    def __init__(self, embedder: ContextualEmbedder) -> None:
        self._embedder = embedder
        self._tokenizer = embedder.tokenizer

    def vectors(self, words: Sequence[InContext]) -> FloatArray:
        """The vectors of words in their texts; shape (words, dim).

        Raises:
            UsageError: a word stands behind what the model takes of its text.
        """
        texts = [each.text for each in words]
        ids = Ids.of(self._tokenizer.encode_batch(texts, self._embedder.options))
        offsets = self._tokenizer.offsets_batch(texts)
        found = self._of_words(ids, offsets, [[(each.start, each.end)] for each in words])
        for each, (spans, _) in zip(words, found, strict=True):
            if not spans:
                raise UsageError(
                    f"'{each.word}' stands behind what the model takes of the text", hint="give a shorter --context"
                )
        return np.concatenate([rows for _, rows in found]) if found else np.zeros((0, self._embedder.dim), np.float32)

    def near_in_corpus(
        self,
        words: Sequence[InContext],
        corpus: Corpus,
        k: int,
        per_word: int = DEFAULT_PER_WORD,
        tick: Tick = silent,
    ) -> list[NearContext]:
        """The nearest words of a corpus, each as it stands in its document, for several words in one pass.

        Args:
            words: Whose neighbors.
            corpus: Documents; what is longer than the model takes is cut.
            k: So many neighbors.
            per_word: No more of them than so many are the same word.
            tick: Progress.

        Raises:
            CorpusError: there is no word in it.
            UsageError: a word stands behind what the model takes of its text.
        """
        queries = unit_rows(self.vectors(words))
        best = [Best(k, per_word) for _ in words]
        compared = 0

        def placed(block: Block, ids: Ids) -> _Documents:
            texts = block.texts()
            return _Documents(texts, ids, self._tokenizer.offsets_batch(texts))

        for every in encode_corpus(corpus, self._tokenizer, placed, self._embedder.options, tick):
            for first in range(0, len(every.texts), DOCUMENTS_AT_ONCE):
                some = every.part(slice(first, first + DOCUMENTS_AT_ONCE))
                compared += self._compare(queries, words, best, some)
                tick(Progress("comparing", compared, unit="words"))
        if not compared:
            raise empty_corpus()
        return [NearContext(word, "corpus", compared, each.result()) for word, each in zip(words, best, strict=True)]

    def near_in_vocabulary(self, words: Sequence[InContext], k: int) -> list[NearContext]:
        """The nearest words of the vocabulary, each put through the model alone; not the words themselves.

        Raises:
            UsageError: a word stands behind what the model takes of its text, or the vocabulary has no words.
        """
        names, rows = self._vocabulary
        if not names:
            raise UsageError("the model's vocabulary has no whole words", hint="-c CORPUS")
        found = []
        for word, scores in zip(words, unit_rows(self.vectors(words)) @ rows.T, strict=True):
            own = word.word.casefold()
            order = [i for i in np.argsort(-scores, kind="stable").tolist() if names[i].casefold() != own]
            nearest = tuple(Occurrence(names[i], _shown(scores[i])) for i in order[:k])
            found.append(NearContext(word, "vocabulary", len(names), nearest))
        return found

    @cached_property
    def _vocabulary(self) -> tuple[list[str], FloatArray]:
        """Words that are one token, and their unit vectors."""
        pieces = self._tokenizer.pieces
        begins = word_starts(pieces) & ~pieces.special
        tokens = {pieces.texts[i].strip(): i for i in np.flatnonzero(begins)[::-1].tolist()}
        names = sorted(name for name in tokens if WORD.fullmatch(name) and len(name) > 1)
        before, after = self._tokenizer.frame
        ids = Ids.of([[*before, tokens[name], *after] for name in names])
        rows = [np.concatenate(list(parts)) for _, parts in self._embedder.tokens(ids)] if names else []
        return names, unit_rows(np.concatenate(rows)) if rows else np.zeros((0, self._embedder.dim), dtype=np.float32)

    def _compare(
        self,
        queries: FloatArray,
        asked: Sequence[InContext],
        best: Sequence[Best],
        some: _Documents,
    ) -> int:
        """Hold the words of some documents against the queries; returns how many they are."""
        wanted = [[found.span() for found in WORD.finditer(text)] for text in some.texts]
        places: list[tuple[int, Span]] = []
        rows: list[FloatArray] = []
        for number, (spans, vectors) in enumerate(self._of_words(some.ids, some.offsets, wanted)):
            places += [(number, span) for span in spans]
            rows.append(vectors)
        if not places:
            return 0
        for word, scores, kept in zip(asked, queries @ unit_rows(np.concatenate(rows)).T, best, strict=True):
            near = np.flatnonzero(scores > kept.floor)
            order = near[np.argsort(-scores[near], kind="stable")]
            kept.add(list(_others(word, [(places[i], float(scores[i])) for i in order.tolist()], some.texts)))
        return len(places)

    def _of_words(
        self, ids: Ids, offsets: Sequence[list[Span]], wanted: Sequence[Sequence[Span]]
    ) -> list[tuple[list[Span], FloatArray]]:
        """The spans of each document that have tokens, and the mean of each one's tokens."""
        return [
            _pooled(offsets[number], np.concatenate(list(parts)), wanted[number])
            for number, (_, parts) in enumerate(self._embedder.tokens(ids))
        ]


def _pooled(offsets: Sequence[Span], vectors: FloatArray, spans: Sequence[Span]) -> tuple[list[Span], FloatArray]:
    """Means of the tokens that share a character with a span; spans are in order and apart."""
    if not spans or not len(vectors):
        return [], vectors[:0]
    starts, ends = (np.array(side) for side in zip(*spans, strict=True))
    # What was cut off has no vectors.
    first, last = (np.array(side) for side in zip(*offsets[: len(vectors)], strict=True))
    # The last span that begins before the token ends.
    owner = np.searchsorted(starts, last) - 1
    inside = (owner >= 0) & (ends[np.maximum(owner, 0)] > first)
    sums = np.zeros((len(spans), vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, owner[inside], vectors[inside])
    counts: IntArray = np.bincount(owner[inside], minlength=len(spans))
    there = np.flatnonzero(counts)
    means: FloatArray = sums[there]
    means /= counts[there, None]
    return [spans[i] for i in there.tolist()], means


def _others(
    word: InContext, found: Sequence[tuple[tuple[int, Span], float]], texts: Sequence[str]
) -> Iterator[Occurrence]:
    """Places as occurrences, without the word's own."""
    for (number, (start, end)), score in found:
        if (texts[number], start) != (word.text, word.start):
            yield Occurrence(texts[number][start:end], _shown(score), texts[number], start, end)


def _shown(score: float) -> float:
    return float(f"{score:.6f}")


def open_context_space(folder: str | Path, *, layer: str | None = None) -> ContextSpace:
    """Open a language model for looking words up in their texts.

    Args:
        folder: Ours, or one that transformers loads.
        layer: Of which layer vectors are; see `tokit embed --layer`.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        ArtifactError: no such folder, or a damaged one.
        UsageError: it is no language model, or has no such layer.
    """
    if not is_language_model(folder):
        refuse_missing(folder)
        raise UsageError(
            f"--context: {folder} is no language model, so its vectors are the same in every text",
            hint="leave --context out, or give a model of tokit fit bert",
        )
    return ContextSpace(open_contextual_embedder(folder, layer=layer))
