"""Nearest words of a word in context, by a language model, for `tokit near --context`.

The vector of a word in a text is the mean of its token vectors. Its neighbors are words in the documents of a corpus;
or, without one, words of the model's vocabulary, each encoded alone.
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
from tokit.lm.word_in_context import InContext, NearContext, NearestOccurrences, Occurrence
from tokit.progress import Progress, Tick, silent
from tokit.tokenizer.encode_corpus import encode_corpus
from tokit.tokenizer.word_starts import word_starts

DEFAULT_PER_WORD = 2
# Letters, with the apostrophe inside "don't".
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Documents:
    """Documents: their texts, their ids with special tokens, and the span of each token in the text."""

    texts: Sequence[str]
    ids: Ids
    offsets: Sequence[list[Span]]

    def part(self, part: slice) -> _Documents:
        """A range of the documents."""
        ends, start = self.ids.ends[part], int(self.ids.ends[part.start - 1]) if part.start else 0
        ids = Ids(self.ids.data[start : int(ends[-1])], ends - start)
        return _Documents(self.texts[part], ids, self.offsets[part])


class ContextSpace:
    """Nearest words by a language model's vectors of words in context.

    Args:
        embedder: The model and its tokenizer.
    """

    def __init__(self, embedder: ContextualEmbedder) -> None:
        self._embedder = embedder
        self._tokenizer = embedder.tokenizer

    def vectors(self, words: Sequence[InContext]) -> FloatArray:
        """Vectors of words in their texts; shape (words, dim).

        Raises:
            UsageError: a word lies beyond the model's context length.
        """
        texts = [word.text for word in words]
        ids = self._tokenizer.encode_batch(texts, self._embedder.options)
        offsets = self._tokenizer.offsets_batch(texts)
        found = self._word_vectors(ids, offsets, [[(word.start, word.end)] for word in words])
        for word, (spans, _) in zip(words, found, strict=True):
            if not spans:
                raise UsageError(
                    f"'{word.word}' lies beyond the model's context length", hint="give a shorter --context"
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
        """Find the nearest words in the documents of a corpus, for several queries in one pass.

        Args:
            words: The queries.
            corpus: Documents; they are truncated to the model's context length.
            k: Number of neighbors.
            per_word: Neighbors that may be the same word.
            tick: Progress.

        Raises:
            CorpusError: the corpus has no word.
            UsageError: a query lies beyond the model's context length.
        """
        queries = unit_rows(self.vectors(words))
        nearest = [NearestOccurrences(k, per_word) for _ in words]
        compared = 0

        def with_offsets(block: Block, ids: Ids) -> _Documents:
            texts = block.texts()
            return _Documents(texts, ids, self._tokenizer.offsets_batch(texts))

        for documents in encode_corpus(corpus, self._tokenizer, with_offsets, self._embedder.options, tick):
            for first in range(0, len(documents.texts), DOCUMENTS_AT_ONCE):
                part = documents.part(slice(first, first + DOCUMENTS_AT_ONCE))
                compared += self._compare(queries, words, nearest, part)
                tick(Progress("comparing", compared, unit="words"))
        if not compared:
            raise empty_corpus(corpus.skip_reasons)
        return [
            NearContext(word, "corpus", compared, found.result()) for word, found in zip(words, nearest, strict=True)
        ]

    def near_in_vocabulary(self, words: Sequence[InContext], k: int) -> list[NearContext]:
        """Find the nearest other words of the vocabulary, each encoded alone.

        Raises:
            UsageError: a query lies beyond the model's context length, or the vocabulary has no words.
        """
        names, rows = self._vocabulary
        if not names:
            raise UsageError("the model's vocabulary has no whole words", hint="-c CORPUS")
        found = []
        for word, scores in zip(words, unit_rows(self.vectors(words)) @ rows.T, strict=True):
            own = word.word.casefold()
            order = [i for i in np.argsort(-scores, kind="stable").tolist() if names[i].casefold() != own]
            nearest = tuple(Occurrence(names[i], _rounded(scores[i])) for i in order[:k])
            found.append(NearContext(word, "vocabulary", len(names), nearest))
        return found

    @cached_property
    def _vocabulary(self) -> tuple[list[str], FloatArray]:
        """Words that are a single token, and their unit vectors."""
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
        words: Sequence[InContext],
        nearest: Sequence[NearestOccurrences],
        documents: _Documents,
    ) -> int:
        """Compare the words of documents with the queries; returns the number of words."""
        word_spans = [[match.span() for match in WORD.finditer(text)] for text in documents.texts]
        places: list[tuple[int, Span]] = []
        rows: list[FloatArray] = []
        for number, (spans, vectors) in enumerate(self._word_vectors(documents.ids, documents.offsets, word_spans)):
            places += [(number, span) for span in spans]
            rows.append(vectors)
        if not places:
            return 0
        similarities = queries @ unit_rows(np.concatenate(rows)).T
        for word, scores, best in zip(words, similarities, nearest, strict=True):
            above = np.flatnonzero(scores > best.floor)
            order = above[np.argsort(-scores[above], kind="stable")]
            ranked = [(places[i], float(scores[i])) for i in order.tolist()]
            best.add(list(_other_occurrences(word, ranked, documents.texts)))
        return len(places)

    def _word_vectors(
        self, ids: Ids, offsets: Sequence[list[Span]], word_spans: Sequence[Sequence[Span]]
    ) -> list[tuple[list[Span], FloatArray]]:
        """Word spans with tokens, and their mean token vectors, for each document."""
        return [
            _mean_vectors(offsets[number], np.concatenate(list(parts)), word_spans[number])
            for number, (_, parts) in enumerate(self._embedder.tokens(ids))
        ]


def _mean_vectors(offsets: Sequence[Span], vectors: FloatArray, spans: Sequence[Span]) -> tuple[list[Span], FloatArray]:
    """Mean vectors of the tokens that overlap each span; spans are in order and do not overlap."""
    if not spans or not len(vectors):
        return [], vectors[:0]
    starts, ends = (np.array(side) for side in zip(*spans, strict=True))
    # Truncated tokens have no vectors.
    first, last = (np.array(side) for side in zip(*offsets[: len(vectors)], strict=True))
    # The last span that starts before the end of the token.
    owner = np.searchsorted(starts, last) - 1
    inside = (owner >= 0) & (ends[np.maximum(owner, 0)] > first)
    sums = np.zeros((len(spans), vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, owner[inside], vectors[inside])
    counts: IntArray = np.bincount(owner[inside], minlength=len(spans))
    found = np.flatnonzero(counts)
    means: FloatArray = sums[found]
    means /= counts[found, None]
    return [spans[i] for i in found.tolist()], means


def _other_occurrences(
    word: InContext, ranked: Sequence[tuple[tuple[int, Span], float]], texts: Sequence[str]
) -> Iterator[Occurrence]:
    """Occurrences without the query itself."""
    for (number, (start, end)), score in ranked:
        if (texts[number], start) != (word.text, word.start):
            yield Occurrence(texts[number][start:end], _rounded(score), texts[number], start, end)


def _rounded(score: float) -> float:
    return float(f"{score:.6f}")


def open_context_space(folder: str | Path, *, layer: str | None = None) -> ContextSpace:
    """Open a language model to compare words in context.

    Args:
        folder: A folder of tokit or transformers.
        layer: Layer of the vectors; see `tokit embed --layer`.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        ArtifactError: there is no such folder, or it is damaged.
        UsageError: it holds no language model, or the model has no such layer.
    """
    if not is_language_model(folder):
        refuse_missing(folder)
        raise UsageError(
            f"--context: {folder} is no language model, so its vectors do not depend on context",
            hint="leave out --context, or give a language model, such as tokit fit bert trains",
        )
    return ContextSpace(open_contextual_embedder(folder, layer=layer))
