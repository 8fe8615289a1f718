"""`tokit embed`: documents to vectors, one a document or one a token, on a stream or as .npy."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tokit.arrays import Block, FloatArray, Ids, spans
from tokit.corpus import Corpus
from tokit.embedding.npy import check_file, writing_rows
from tokit.embedding.pooling import mean_pool, sif_weights
from tokit.embedding.store import StaticEmbedding, load_embedding
from tokit.errors import ArtifactError, UsageError
from tokit.ops.following import followed
from tokit.ops.records import dump_record
from tokit.progress import Tick, silent
from tokit.registry import did_you_mean
from tokit.tokenizer.engine import LibraryTokenizer
from tokit.tokenizer.foreign import open_tokenizer

POOLS = ("mean", "sif")
DEFAULT_SIF = 1e-3
# Token vectors are looked up so many at a time.
ROWS_AT_ONCE = 1 << 14


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What embedding gave."""

    documents: int
    tokens: int
    dim: int
    skipped: int
    replaced: int
    path: str | None = None


@dataclass(frozen=True)
class Embedder:
    """An embedding with its tokenizer: text in, vectors out.

    >>> embedder = open_embedder("emb")
    >>> embedder.embed(["hello world"]).shape
    (1, 128)
    """

    embedding: StaticEmbedding
    tokenizer: LibraryTokenizer
    table: FloatArray

    @property
    def dim(self) -> int:
        """Columns of a vector."""
        return int(self.table.shape[1])

    def embed(self, texts: list[str]) -> FloatArray:
        """One vector a text; shape (texts, dim)."""
        return self.pool(Ids.of(self.tokenizer.encode_batch(texts)))

    def pool(self, ids: Ids) -> FloatArray:
        """One vector a document; the unknown token is left out of the mean. Shape (documents, dim)."""
        return mean_pool(ids, self.table, skip=self.embedding.unknown_id)


def embed(texts: list[str], folder: str | Path, *, pool: str = "mean", a: float = DEFAULT_SIF) -> FloatArray:
    """One vector a text; shape (texts, dim). Many calls are faster through `open_embedder`."""
    return open_embedder(folder, pool=pool, a=a).embed(texts)


def open_embedder(folder: str | Path, *, pool: str = "mean", a: float = DEFAULT_SIF) -> Embedder:
    """Open an embedding folder for embedding text.

    Args:
        folder: An embedding.
        pool: "mean", or "sif", which weights rare tokens more.
        a: Smoothing of SIF.

    Raises:
        ArtifactError: no embedding, or a damaged one.
        UsageError: an unknown pooling, or a smoothing that is not positive.
    """
    if pool not in POOLS:
        raise UsageError(f"unknown --pool '{pool}'", hint=did_you_mean(pool, list(POOLS)))
    if not 0 < a < float("inf"):
        raise UsageError(f"--sif-a {a:g}: not a positive number", hint=f"--sif-a {DEFAULT_SIF:g}")
    embedding = load_embedding(folder)
    table = embedding.vectors
    if pool == "sif":
        table = table * sif_weights(embedding.token_counts, a=a)[:, None]
    return Embedder(embedding, open_own_tokenizer(embedding), table)


def open_own_tokenizer(embedding: StaticEmbedding) -> LibraryTokenizer:
    """The tokenizer that an embedding folder keeps.

    Raises:
        ArtifactError: it is missing, damaged, or has another size.
    """
    tokenizer = open_tokenizer(embedding.tokenizer)
    if not isinstance(tokenizer, LibraryTokenizer) or tokenizer.vocab_size != len(embedding.vectors):
        raise ArtifactError(
            f"{embedding.tokenizer} has {tokenizer.vocab_size:,} ids, the embedding {len(embedding.vectors):,} rows",
            hint="the folder was changed; fit it again",
        )
    return tokenizer


def embed_stream(
    corpus: Corpus, embedder: Embedder, sink: BinaryIO, *, tokens: bool = False, tick: Tick = silent
) -> EmbedReport:
    """Write a JSON object a line for each document, as soon as it came in.

    Args:
        corpus: The documents; opened with `keep_records`, the fields of their records are kept.
        embedder: The embedding.
        sink: Where the lines go.
        tokens: `tokens` and their `vectors` in place of the document's `vector`.
        tick: Progress.
    """
    number = "[" + ", ".join(["%.9g"] * embedder.dim) + "]"

    def pooled(block: Block, ids: Ids) -> None:
        for head, vector in zip(_heads(block, "vector"), embedder.pool(ids).tolist(), strict=True):
            sink.write(head + f'"vector": {number % tuple(vector)}}}\n'.encode())
        sink.flush()

    def each(block: Block, ids: Ids) -> None:
        names = embedder.tokenizer.pieces.names
        for head, (start, end) in zip(_heads(block, "tokens", "vectors"), spans(ids.ends), strict=True):
            shown = json.dumps([names[i] for i in ids.data[start:end].tolist()], ensure_ascii=False)
            sink.write(head + f'"tokens": {shown}, "vectors": ['.encode())
            for first in range(start, end, ROWS_AT_ONCE):
                rows = embedder.table[ids.data[first : min(first + ROWS_AT_ONCE, end)]].tolist()
                text = ", ".join([number % tuple(row) for row in rows])
                sink.write(((", " if first > start else "") + text).encode())
            sink.write(b"]}\n")
        sink.flush()

    return _each_block(corpus, embedder, each if tokens else pooled, tick)


def embed_to_npy(
    corpus: Corpus,
    embedder: Embedder,
    out: str | Path,
    *,
    tokens: bool = False,
    overwrite: bool = False,
    tick: Tick = silent,
) -> EmbedReport:
    """Write vectors as a float32 .npy file, shape (documents, dim).

    Args:
        corpus: The documents.
        embedder: The embedding.
        out: The file; it appears whole or not at all.
        tokens: One row a token, shape (tokens, dim), and the ends of the documents beside it: `v.ends.npy` for `v.npy`.
        overwrite: Replace files that are there.
        tick: Progress.

    Raises:
        ArtifactError: a file is there.
    """
    ends_file = Path(out).with_name(Path(out).name.removesuffix(".npy") + ".ends.npy")
    for file in (out, ends_file) if tokens else (out,):
        check_file(file, overwrite=overwrite)
    with ExitStack() as stack:
        rows = stack.enter_context(writing_rows(out, np.float32, (embedder.dim,)))
        ends = stack.enter_context(writing_rows(ends_file, np.int64)) if tokens else None

        def write(_block: Block, ids: Ids) -> None:
            if ends is None:
                rows.append(embedder.pool(ids))
                return
            ends.append(ids.ends + rows.rows)
            for start in range(0, len(ids.data), ROWS_AT_ONCE):
                rows.append(embedder.table[ids.data[start : start + ROWS_AT_ONCE]])

        report = _each_block(corpus, embedder, write, tick)
    return dataclasses.replace(report, path=str(out))


def _each_block(corpus: Corpus, embedder: Embedder, sink: Callable[[Block, Ids], None], tick: Tick) -> EmbedReport:
    documents = tokens = 0
    for block in followed(corpus, "embedding", tick):
        ids = embedder.tokenizer.encode_block(block)
        sink(block, ids)
        documents += len(ids)
        tokens += len(ids.data)
    return EmbedReport(documents, tokens, embedder.dim, corpus.skipped, corpus.replaced)


def _heads(block: Block, *names: str) -> Iterator[bytes]:
    """The beginning of each document's object: its record's fields, but for those that are about to be written."""
    for record in block.records or [{}] * len(block):
        kept = {name: value for name, value in record.items() if name not in names}
        head = dump_record(kept)[:-1]
        yield head + b", " if kept else head
