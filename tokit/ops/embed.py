"""`tokit embed`: documents to vectors, one a document or one a token, on a stream or as a file."""

from __future__ import annotations

import copy
import dataclasses
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from tokit.arrays import Block, FloatArray, IdArray, Ids, IntArray, spans
from tokit.corpus import Corpus
from tokit.embedding.npy import check_file, writing_file, writing_rows
from tokit.embedding.parquet import writing_vectors
from tokit.embedding.pooling import Direction, idf_weights, mean_pool, remove_direction, sif_weights
from tokit.embedding.store import StaticEmbedding, load_embedding
from tokit.errors import ArtifactError, UsageError
from tokit.ops.encode import encoded
from tokit.ops.records import dump_record
from tokit.progress import Tick, silent
from tokit.registry import did_you_mean
from tokit.tokenizer.base import PLAIN, EncodeOptions
from tokit.tokenizer.engine import LibraryTokenizer
from tokit.tokenizer.foreign import open_tokenizer

POOLS = ("mean", "sif", "idf")
DEFAULT_SIF = 1e-3
# Whose first principal component is taken out.
COMPONENTS = ("all", "sample")
SAMPLE_DOCUMENTS = 100_000
FILES = (".npy", ".parquet", ".jsonl")
# Vectors are made so many at a time.
ROWS_AT_ONCE = 1 << 14
# What is made of a block while the blocks before it wait takes no more than this.
AHEAD_BYTES = 1 << 26
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What embedding gave."""

    documents: int
    tokens: int
    dim: int
    skipped: int
    replaced: int
    path: str | None = None
    component: str | None = None
    component_documents: int | None = None
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Component:
    """A direction that is taken out of documents' vectors.

    Attributes:
        direction: Shape (dim,), of length one.
        of: "all" documents, or a "sample".
        documents: How many they were.
    """

    direction: FloatArray
    of: str
    documents: int


class Embedder(ABC):
    """An embedding with its tokenizer: text in, vectors out.

    >>> embedder = open_embedder("emb")
    >>> embedder.embed(["hello world"]).shape
    (1, 128)

    Attributes:
        tokenizer: What makes ids of text.
        component: A direction that is taken out of documents' vectors.
        options: How text is encoded.
        in_threads: Whether several threads may make vectors at once.
        cut: Documents that were cut, as they were too long.
    """

    tokenizer: LibraryTokenizer
    component: Component | None
    options: ClassVar[EncodeOptions] = PLAIN
    in_threads: ClassVar[bool] = True
    # What has a vector when documents are taken apart.
    item: ClassVar[str] = "tokens"
    cut: int = 0

    @property
    @abstractmethod
    def dim(self) -> int:
        """Columns of a vector."""

    @abstractmethod
    def means(self, ids: Ids) -> FloatArray:
        """One vector a document, shape (documents, dim)."""

    @abstractmethod
    def tokens(self, ids: Ids) -> Iterator[tuple[IdArray, Iterator[FloatArray]]]:
        """The tokens of each document that have vectors, and these some at a time."""

    def without(self, component: Component) -> Embedder:
        """The same without a direction in its documents' vectors."""
        other = copy.copy(self)
        object.__setattr__(other, "component", component)
        return other

    def all_tokens(self, ids: Ids) -> Iterator[FloatArray]:
        """The vectors of all documents' tokens, some at a time."""
        for _, parts in self.tokens(ids):
            yield from parts

    def named(self, ids: Ids) -> Iterator[tuple[list[str], Iterator[FloatArray]]]:
        """The same as `tokens`, by name."""
        names = self.tokenizer.pieces.names
        for data, parts in self.tokens(ids):
            yield [names[i] for i in data.tolist()], parts

    def kept(self, ids: Ids) -> Ids:
        """The tokens of documents that have vectors."""
        return ids

    def token_ends(self, ids: Ids) -> IntArray:
        """Where each document ends in them; shape (documents,)."""
        return self.kept(ids).ends

    def embed(self, texts: list[str]) -> FloatArray:
        """One vector a text; shape (texts, dim)."""
        return self.pool(Ids.of(self.tokenizer.encode_batch(texts, self.options)))

    def pool(self, ids: Ids) -> FloatArray:
        """One vector a document, without the component. Shape (documents, dim)."""
        rows = self.means(ids)
        return rows if self.component is None else remove_direction(rows, self.component.direction)

    def pooled(self, ids: Ids) -> Iterator[FloatArray]:
        """The same, `ROWS_AT_ONCE` documents at a time."""
        yield from map(self.pool, some_at_once(ids, ROWS_AT_ONCE))

    def made_of(self, _block: Block, ids: Ids) -> Iterator[FloatArray]:
        """The same of a block whose ids these are."""
        return self.pooled(ids)


def some_at_once(ids: Ids, count: int) -> Iterator[Ids]:
    """Documents in their order, so many at a time."""
    for first in range(0, len(ids), count):
        ends = ids.ends[first : first + count]
        start = int(ids.ends[first - 1]) if first else 0
        yield Ids(ids.data[start : int(ends[-1])], ends - start)


@dataclass(frozen=True)
class StaticEmbedder(Embedder):
    """A static embedding: a row of a table a token, and the unknown token left out of means."""

    embedding: StaticEmbedding
    tokenizer: LibraryTokenizer
    table: FloatArray
    component: Component | None = None

    @property
    def dim(self) -> int:
        return int(self.table.shape[1])

    def means(self, ids: Ids) -> FloatArray:
        return mean_pool(ids, self.table, skip=self.embedding.unknown_id)

    def tokens(self, ids: Ids) -> Iterator[tuple[IdArray, Iterator[FloatArray]]]:
        for start, end in spans(ids.ends):
            yield ids.data[start:end], self._looked_up(ids.data[start:end])

    def all_tokens(self, ids: Ids) -> Iterator[FloatArray]:
        return self._looked_up(ids.data)

    def _looked_up(self, data: IdArray) -> Iterator[FloatArray]:
        for start in range(0, len(data), ROWS_AT_ONCE):
            yield self.table[data[start : start + ROWS_AT_ONCE]]


def embed(texts: list[str], folder: str | Path, *, pool: str = "mean", a: float = DEFAULT_SIF) -> FloatArray:
    """One vector a text; shape (texts, dim). Many calls are faster through `open_embedder`."""
    return open_embedder(folder, pool=pool, a=a).embed(texts)


def open_embedder(folder: str | Path, *, pool: str = "mean", a: float = DEFAULT_SIF) -> StaticEmbedder:
    """Open an embedding folder for embedding text.

    Args:
        folder: An embedding.
        pool: "mean"; or "sif" or "idf", which weigh rare tokens more, by how often or in how many documents they occur.
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
    """What each token counts in a mean.

    Raises:
        UsageError: the embedding does not know how often tokens occur, or in how many documents.
    """
    if pool == "sif":
        if not embedding.counted:
            raise UsageError(f"--pool sif: {folder} does not know how often a word occurs", hint="leave it out")
        return sif_weights(embedding.token_counts, a=a)
    documents = embedding.documents
    if documents is None:
        hint = "--pool sif" if embedding.counted else "leave it out"
        raise UsageError(f"--pool idf: {folder} does not know how many documents hold a word", hint=hint)
    return idf_weights(embedding.document_frequencies, documents)


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


def with_component_removed(corpus: Corpus, embedder: Embedder, of: str, tick: Tick = silent) -> Embedder:
    """An embedder whose vectors have lost the direction that most documents share, the second half of SIF.

    It is the first singular vector of the documents' vectors, which are not centred.
    Arora et al. 2017, https://openreview.net/forum?id=SyK00v5xx

    Args:
        corpus: The documents; they are read once for this, so that it has to be one that can be read again.
        embedder: Gives the vectors.
        of: Whose direction: "all" documents', or that of a "sample", the first `SAMPLE_DOCUMENTS` or so.
        tick: Progress.

    Raises:
        UsageError: `of` is neither.
    """
    if of not in COMPONENTS:
        raise UsageError(f"unknown --remove-component '{of}'", hint=did_you_mean(of, list(COMPONENTS)))
    direction = Direction(embedder.dim)
    documents = 0
    most = SAMPLE_DOCUMENTS if of == "sample" else None

    def products(_block: Block, ids: Ids) -> tuple[int, npt.NDArray[np.float64]]:
        return len(ids), sum(map(Direction.products_of, embedder.pooled(ids)), np.zeros((embedder.dim,) * 2))

    for count, part in encoded(corpus, embedder.tokenizer, products, embedder.options, tick):
        direction.add(part)
        documents += count
        if most is not None and documents >= most:
            break
    return embedder.without(Component(direction.found(), of, documents))


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

    def pooled(block: Block, ids: Ids) -> Iterator[bytes]:
        heads = _heads(block, "vector")
        for rows in embedder.pooled(ids):
            yield b"".join([next(heads) + f'"vector": {number % tuple(row)}}}\n'.encode() for row in rows.tolist()])

    def each(block: Block, ids: Ids) -> Iterator[bytes]:
        for head, (names, parts) in zip(_heads(block, embedder.item, "vectors"), embedder.named(ids), strict=True):
            yield head + f'"{embedder.item}": {json.dumps(names, ensure_ascii=False)}, "vectors": ['.encode()
            between = ""
            for rows in parts:
                yield (between + ", ".join([number % tuple(row) for row in rows.tolist()])).encode()
                between = ", "
            yield b"]}\n"

    def write(_ids: Ids, lines: Iterable[bytes]) -> None:
        for line in lines:
            sink.write(line)
        sink.flush()

    return _each_block(corpus, embedder, each if tokens else pooled, write, tick)


def embed_to_file(
    corpus: Corpus,
    embedder: Embedder,
    out: str | Path,
    *,
    tokens: bool = False,
    overwrite: bool = False,
    tick: Tick = silent,
) -> EmbedReport:
    """Write vectors to a file: `.npy`, `.parquet` or, as on a stream, `.jsonl`; its name says which.

    Raises:
        ArtifactError: a file is there.
        UsageError: a name that ends otherwise, or token vectors for Parquet.
    """
    kind = file_kind(out, tokens=tokens)
    if kind == ".npy":
        return embed_to_npy(corpus, embedder, out, tokens=tokens, overwrite=overwrite, tick=tick)
    check_file(out, overwrite=overwrite, kind=kind)
    if kind == ".jsonl":
        with writing_file(out) as file:
            report = embed_stream(corpus, embedder, file, tokens=tokens, tick=tick)
    else:
        with writing_vectors(out, embedder.dim) as rows:
            report = _each_block(corpus, embedder, embedder.made_of, _into(rows.append), tick)
    return dataclasses.replace(report, path=str(out))


def file_kind(out: str | Path, *, tokens: bool = False) -> str:
    """How a file's name ends; a name without an ending is a .npy file's.

    Raises:
        UsageError: an ending that is none of ours, or token vectors for Parquet.
    """
    kind = Path(out).suffix or ".npy"
    if kind not in FILES:
        raise UsageError(f"-o {out}: unknown ending '{kind}'", hint=did_you_mean(kind, list(FILES)))
    if tokens and kind == ".parquet":
        raise UsageError("--tokens does not go into a .parquet file", hint="name a .npy or .jsonl file")
    return kind


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
        if not tokens:
            report = _each_block(corpus, embedder, embedder.made_of, _into(rows.append), tick)
        else:
            ends = stack.enter_context(writing_rows(ends_file, np.int64))

            def write(ids: Ids, parts: Iterable[FloatArray]) -> None:
                ends.append(embedder.token_ends(ids) + rows.rows)
                for part in parts:
                    rows.append(part)

            report = _each_block(corpus, embedder, lambda _, ids: embedder.all_tokens(ids), write, tick)
            report = dataclasses.replace(report, tokens=rows.rows)
    return dataclasses.replace(report, path=str(out))


def _into(append: Callable[[FloatArray], None]) -> Callable[[Ids, Iterable[FloatArray]], None]:
    def write(_ids: Ids, parts: Iterable[FloatArray]) -> None:
        for part in parts:
            append(part)

    return write


def _each_block(
    corpus: Corpus,
    embedder: Embedder,
    make: Callable[[Block, Ids], Iterator[T]],
    sink: Callable[[Ids, Iterable[T]], None],
    tick: Tick,
) -> EmbedReport:
    """Make what is wanted of each block, on several threads, and hand it on in order."""

    def made(block: Block, ids: Ids) -> tuple[Ids, Iterable[T]]:
        parts = make(block, ids)
        # A block of two megabytes may have as many documents, none of them with a word in it.
        few = max(len(ids), len(ids.data)) * embedder.dim * 4 <= AHEAD_BYTES
        return ids, list(parts) if few and embedder.in_threads else parts

    documents = tokens = 0
    # Documents may have been cut before, where the component was looked for.
    cut_before = embedder.cut
    for ids, parts in encoded(corpus, embedder.tokenizer, made, embedder.options, tick):
        sink(ids, parts)
        documents += len(ids)
        tokens += len(ids.data)
    return EmbedReport(
        documents, tokens, embedder.dim, corpus.skipped, corpus.replaced,
        component=None if embedder.component is None else embedder.component.of,
        component_documents=None if embedder.component is None else embedder.component.documents,
        cut=embedder.cut - cut_before,
    )  # fmt: skip


def _heads(block: Block, *names: str) -> Iterator[bytes]:
    """The beginning of each document's object: its record's fields, but for those that are about to be written."""
    for record in block.records or [{}] * len(block):
        kept = {name: value for name, value in record.items() if name not in names}
        head = dump_record(kept)[:-1]
        yield head + b", " if kept else head
