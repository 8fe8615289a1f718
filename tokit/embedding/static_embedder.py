"""Embedders: text to vectors of documents or of their tokens."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from tokit.arrays import Block, FloatArray, IdArray, Ids, IntArray, spans, split_items
from tokit.embedding.embedding_folder import StaticEmbedding, load_embedding
from tokit.embedding.pooling import idf_weights, mean_pool, remove_direction, sif_weights, unigram_probabilities
from tokit.errors import ArtifactError, UsageError
from tokit.registry import did_you_mean
from tokit.tokenizer.base import PLAIN, EncodeOptions
from tokit.tokenizer.encode.document_ids import truncated
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.load import load_tokenizer

POOLS = ("mean", "sif", "idf")
DEFAULT_SIF = 1e-3
# Vectors computed at a time.
ROWS_AT_ONCE = 1 << 14
# Added to the length of a vector by model2vec: a vector of zeros stays one.
SMALLEST_NORM = np.float32(1e-32)


@dataclass(frozen=True, slots=True)
class Component:
    """A principal component that is removed from documents' vectors.

    Attributes:
        direction: Shape (dim,), of length one.
        of: "all" documents, or a "sample".
        documents: Number of these documents.
    """

    direction: FloatArray
    of: str
    documents: int


class Embedder(ABC):
    """An embedding with its tokenizer: text in, vectors out.

    >>> embedder = open_static_embedder("emb")
    >>> embedder.embed(["hello world"]).shape
    (1, 128)

    Attributes:
        tokenizer: The embedding's tokenizer.
        component: A component that is removed from documents' vectors.
        options: Options of the encoding.
        in_threads: Several threads may compute vectors at once.
        item: Name of the parts of a document that have vectors.
        truncated: Number of documents that were truncated.
    """

    tokenizer: LibraryTokenizer
    component: Component | None
    options: ClassVar[EncodeOptions] = PLAIN
    in_threads: ClassVar[bool] = True
    item: ClassVar[str] = "tokens"
    truncated: int = 0

    @property
    @abstractmethod
    def dim(self) -> int:
        """Dimension of the vectors."""

    @abstractmethod
    def means(self, ids: Ids) -> FloatArray:
        """One vector a document, shape (documents, dim)."""

    @abstractmethod
    def tokens(self, ids: Ids) -> Iterator[tuple[IdArray, Iterator[FloatArray]]]:
        """Tokens of each document that have vectors, and their vectors in parts."""

    def without(self, component: Component) -> Embedder:
        """Copy that removes a component from documents' vectors."""
        other = copy.copy(self)
        object.__setattr__(other, "component", component)
        return other

    def all_tokens(self, ids: Ids) -> Iterator[FloatArray]:
        """Vectors of all documents' tokens, in parts."""
        for _, parts in self.tokens(ids):
            yield from parts

    def named(self, ids: Ids) -> Iterator[tuple[list[str], Iterator[FloatArray]]]:
        """Names of the tokens of each document that have vectors, and their vectors in parts."""
        names = self.tokenizer.pieces.names
        for data, parts in self.tokens(ids):
            yield [names[i] for i in data.tolist()], parts

    def with_vectors(self, ids: Ids) -> Ids:
        """The tokens of documents that have vectors."""
        return ids

    def token_ends(self, ids: Ids) -> IntArray:
        """End of each document in the vectors of all tokens; shape (documents,)."""
        return self.with_vectors(ids).ends

    def embed(self, texts: list[str]) -> FloatArray:
        """One vector a text; shape (texts, dim)."""
        return self.pool(self.tokenizer.encode_batch(texts, self.options))

    def pool(self, ids: Ids) -> FloatArray:
        """One vector a document, the component removed. Shape (documents, dim)."""
        rows = self.means(ids)
        return rows if self.component is None else remove_direction(rows, self.component.direction)

    def pooled(self, ids: Ids) -> Iterator[FloatArray]:
        """Vectors of documents, `ROWS_AT_ONCE` at a time."""
        yield from map(self.pool, batches_of(ids, ROWS_AT_ONCE))

    def made_of(self, _block: Block, ids: Ids) -> Iterator[FloatArray]:
        """Vectors of the documents of a block, `ROWS_AT_ONCE` at a time."""
        return self.pooled(ids)


def batches_of(ids: Ids, count: int) -> Iterator[Ids]:
    """Batches of `count` documents, in order."""
    for first in range(0, len(ids), count):
        ends = ids.ends[first : first + count]
        start = int(ids.ends[first - 1]) if first else 0
        yield Ids(ids.data[start : int(ends[-1])], ends - start)


@dataclass(frozen=True)
class StaticEmbedder(Embedder):
    """Static embedding: a row a token. Vectors of texts follow the rules of the library that it is from."""

    embedding: StaticEmbedding
    tokenizer: LibraryTokenizer
    table: FloatArray
    component: Component | None = None

    @property
    def dim(self) -> int:
        return int(self.table.shape[1])

    def means(self, ids: Ids) -> FloatArray:
        rules = self.embedding.texts
        if rules.max_length is not None:
            longer = int((ids.lengths > rules.max_length).sum())
            object.__setattr__(self, "truncated", self.truncated + longer)
            ids = truncated(ids, rules.max_length) if longer else ids
        rows = mean_pool(ids, self.table, skip=self.embedding.unknown_id if rules.skips_unknown else None)
        return rows / (np.linalg.norm(rows, axis=1, keepdims=True) + SMALLEST_NORM) if rules.normalize else rows

    def embed(self, texts: list[str]) -> FloatArray:
        limit = self.embedding.texts.max_characters
        return super().embed(texts if limit is None else [text[:limit] for text in texts])

    def made_of(self, block: Block, ids: Ids) -> Iterator[FloatArray]:
        return self.pooled(self._within_characters(block, ids))

    def _within_characters(self, block: Block, ids: Ids) -> Ids:
        """The ids of the characters that count, where documents have more."""
        limit = self.embedding.texts.max_characters
        longer = [] if limit is None else np.flatnonzero(block.lengths > limit).tolist()
        if not longer:
            return ids
        documents, lists = split_items(block.data, block.ends), ids.lists()
        for i in longer:
            text = documents[i].decode("utf-8")[:limit]
            lists[i] = self.tokenizer.encode(text, self.options)
        return Ids.of(lists)

    def tokens(self, ids: Ids) -> Iterator[tuple[IdArray, Iterator[FloatArray]]]:
        for start, end in spans(ids.ends):
            yield ids.data[start:end], self._looked_up(ids.data[start:end])

    def all_tokens(self, ids: Ids) -> Iterator[FloatArray]:
        return self._looked_up(ids.data)

    def _looked_up(self, data: IdArray) -> Iterator[FloatArray]:
        for start in range(0, len(data), ROWS_AT_ONCE):
            yield self.table[data[start : start + ROWS_AT_ONCE]]


def open_static_embedder(folder: str | Path, *, pool: str = "mean", a: float = DEFAULT_SIF) -> StaticEmbedder:
    """Open an embedding folder for embedding text.

    Args:
        folder: An embedding.
        pool: "mean"; or "sif" or "idf", which give rare tokens more weight, by their counts or document frequencies.
        a: Smoothing of SIF.

    Raises:
        ArtifactError: no embedding, or a damaged one.
        UsageError: an unknown pooling or one that the embedding knows too little for; a smoothing that is not positive.
    """
    if pool not in POOLS:
        raise UsageError(f"unknown --pool '{pool}'", hint=did_you_mean(pool, list(POOLS)))
    if not 0 < a < float("inf"):
        raise UsageError(f"--sif-a {a:g}: not a positive number", hint=f"--sif-a {DEFAULT_SIF:g}")
    embedding = load_embedding(folder)
    table = embedding.vectors
    if pool != "mean":
        table = table * _weights(embedding, folder, pool, a)[:, None]
    return StaticEmbedder(embedding, open_own_tokenizer(embedding), table)


def _weights(embedding: StaticEmbedding, folder: str | Path, pool: str, a: float) -> FloatArray:
    """Weight of each token in a mean.

    Raises:
        UsageError: the embedding has no token counts, or no document frequencies.
    """
    if pool == "sif":
        if not embedding.counted:
            raise UsageError(f"--pool sif: {folder} does not know how often a word occurs", hint="leave it out")
        weights: FloatArray = sif_weights(unigram_probabilities(embedding.token_counts), a=a).astype(np.float32)
        return weights
    documents = embedding.documents
    if documents is None:
        hint = "--pool sif" if embedding.counted else "leave it out"
        raise UsageError(f"--pool idf: {folder} does not know how many documents hold a word", hint=hint)
    return idf_weights(embedding.document_frequencies, documents)


def open_own_tokenizer(embedding: StaticEmbedding) -> LibraryTokenizer:
    """Open the tokenizer of an embedding folder.

    Raises:
        ArtifactError: it is missing, damaged, or has another size.
    """
    tokenizer = load_tokenizer(embedding.tokenizer)
    if not isinstance(tokenizer, LibraryTokenizer) or tokenizer.vocab_size != len(embedding.vectors):
        raise ArtifactError(
            f"{embedding.tokenizer} has {tokenizer.vocab_size:,} ids, the embedding {len(embedding.vectors):,} rows",
            hint="the folder was changed; fit it again",
        )
    return tokenizer
