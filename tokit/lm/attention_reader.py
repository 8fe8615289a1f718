"""Attention of a language model over a text, and summaries of its heads over a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tokit.arrays import Block, FloatArray, Ids
from tokit.corpus import Corpus
from tokit.corpus.corpus_progress import empty_corpus
from tokit.corpus.read_report import ReadReport, read_facts
from tokit.embedding.ngrams import ngram_text
from tokit.errors import UsageError
from tokit.lm.contextual_embedder import ContextualEmbedder
from tokit.lm.folder.layers import numbered
from tokit.progress import Progress, Tick, silent
from tokit.tokenizer.encode_corpus import encode_corpus

if TYPE_CHECKING:
    from tokit.lm.attention_weights import AttentionModel

WEIGHTS, PRODUCTS = "weights", "products"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Attention over the tokens of a text.

    Attributes:
        model: The folder.
        tokens: Text of each token, special tokens included.
        what: "weights"; or "products" of queries and keys, scaled, before the softmax.
        layers: Numbers of the layers, from 1.
        heads: Numbers of the heads, from 1.
        values: Shape (layers, heads, queries, keys); NaN where a key is masked.
        truncated: Number of tokens beyond the model's context length, which were dropped.
    """

    model: str
    tokens: tuple[str, ...]
    what: str
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    values: FloatArray
    truncated: int = 0

    def only(self, layer: int | None, head: int | None) -> Attention:
        """Select one layer, one head, or both; None keeps all.

        Raises:
            UsageError: the model has no layer or head of that number.
        """
        layers, heads = (
            _selected(name, number, numbers)
            for name, number, numbers in (("--layer", layer, self.layers), ("--head", head, self.heads))
        )
        values = self.values[np.ix_([i - 1 for i in layers], [i - 1 for i in heads])]
        return replace(self, layers=layers, heads=heads, values=values)

    def means(self) -> FloatArray:
        """Mean over the heads of each layer; shape (layers, queries, keys)."""
        means: FloatArray = self.values.mean(axis=1)
        return means


@dataclass(frozen=True, slots=True)
class HeadSummary:
    """Attention of a head over a corpus: means over all tokens, special tokens included.

    Attributes:
        layer: Number of the layer, from 1.
        head: Number of the head, from 1.
        entropy: Entropy of the weights in bits: 0 for a single key, log2(n) for n equal weights.
        distance: Weighted mean distance between query and key, in tokens.
        special: Fraction of the weight on special tokens.
    """

    layer: int
    head: int
    entropy: float
    distance: float
    special: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadsReport(ReadReport):
    """Attention of all heads of a model over a corpus.

    Attributes:
        truncated: Number of documents longer than the model's context length.
    """

    model: str
    documents: int
    tokens: int
    truncated: int
    heads: tuple[HeadSummary, ...]


class AttentionReader:
    """Reads the attention of a language model.

    >>> open_attention("bert").weights("the bank of the river").values.shape
    (4, 4, 7, 7)
    """

    def __init__(self, folder: str | Path, embedder: ContextualEmbedder, model: AttentionModel) -> None:
        self._name = str(folder)
        self._embedder = embedder
        self._model = model

    def weights(self, text: str) -> Attention:
        """Attention weights of a text.

        Raises:
            UsageError: the model does not expose its attention.
        """
        return self._of(text, WEIGHTS)

    def products(self, text: str) -> Attention:
        """Scaled products of queries and keys.

        Raises:
            UsageError: the model does not expose its attention.
        """
        return self._of(text, PRODUCTS)

    def _of(self, text: str, what: str) -> Attention:
        tokenizer = self._embedder.tokenizer
        encoded = tokenizer.encode_batch([text], self._embedder.options)
        ids = self._embedder.within(encoded).data
        if not len(ids):
            raise UsageError("the text has no token", hint="tokit attention -m MODEL 'the bank of the river'")
        values = self._model.weights(ids) if what == WEIGHTS else self._model.products(ids)
        layers, heads = (tuple(range(1, count + 1)) for count in values.shape[:2])
        tokens = tuple(ngram_text(tokenizer.pieces, i) for i in ids.tolist())
        return Attention(
            model=self._name,
            tokens=tokens,
            what=what,
            layers=layers,
            heads=heads,
            values=values,
            truncated=len(encoded.data) - len(ids),
        )

    def heads(self, corpus: Corpus, tick: Tick = silent) -> HeadsReport:
        """Summarize the attention of each head over a corpus.

        Raises:
            CorpusError: the corpus is empty.
            UsageError: the model does not expose its attention.
        """
        embedder, special = self._embedder, self._embedder.tokenizer.pieces.special
        documents = tokens = 0
        sums = np.zeros((3, 0, 0))
        for ids in encode_corpus(corpus, embedder.tokenizer, _ids_of, embedder.options, tick):
            documents += len(ids)
            for part in self._model.sums(embedder.within(ids), special):
                more = np.stack([part.entropy, part.distance, part.special])
                sums = more if not tokens else sums + more
                tokens += part.tokens
                tick(Progress("reading attention", tokens, unit="tokens"))
        if not tokens:
            raise empty_corpus(corpus.skip_reasons)
        _, layers, heads = sums.shape
        rows = tuple(
            HeadSummary(layer + 1, head + 1, *(float(total) / tokens for total in sums[:, layer, head]))
            for layer in range(layers)
            for head in range(heads)
        )
        return HeadsReport(
            model=self._name,
            documents=documents,
            tokens=tokens,
            truncated=embedder.truncated,
            **read_facts(corpus),
            heads=rows,
        )


def _ids_of(_block: Block, ids: Ids) -> Ids:
    return ids


def _selected(name: str, number: int | None, numbers: Sequence[int]) -> tuple[int, ...]:
    return tuple(numbers) if number is None else (numbered(name, number, len(numbers)),)
