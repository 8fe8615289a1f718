"""`tokit embed`: documents to vectors, one a document or one a token, on a stream or as a file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt

from tokit.arrays import Block, FloatArray, Ids
from tokit.corpus import Corpus
from tokit.corpus.json_record import dump_record
from tokit.embedding.formats.parquet import writing_vectors
from tokit.embedding.pooling import Direction
from tokit.embedding.static_embedder import DEFAULT_SIF, Component, Embedder, open_static_embedder
from tokit.errors import UsageError
from tokit.progress import Tick, silent
from tokit.registry import did_you_mean
from tokit.storage.files import check_file, writing_file, writing_rows
from tokit.tokenizer.encode_corpus import encode_corpus

# Whose first principal component is taken out.
COMPONENTS = ("all", "sample")
SAMPLE_DOCUMENTS = 100_000
FILES = (".npy", ".parquet", ".jsonl")
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
    truncated: int = 0


def embed(texts: list[str], folder: str | Path, *, pool: str = "mean", a: float = DEFAULT_SIF) -> FloatArray:
    """One vector a text; shape (texts, dim). Many calls are faster through `open_static_embedder`."""
    return open_static_embedder(folder, pool=pool, a=a).embed(texts)


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

    for count, part in encode_corpus(corpus, embedder.tokenizer, products, embedder.options, tick):
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
    # Documents may have been truncated before, where the component was looked for.
    truncated_before = embedder.truncated
    for ids, parts in encode_corpus(corpus, embedder.tokenizer, made, embedder.options, tick):
        sink(ids, parts)
        documents += len(ids)
        tokens += len(ids.data)
    return EmbedReport(
        documents, tokens, embedder.dim, corpus.skipped, corpus.replaced,
        component=None if embedder.component is None else embedder.component.of,
        component_documents=None if embedder.component is None else embedder.component.documents,
        truncated=embedder.truncated - truncated_before,
    )  # fmt: skip


def _heads(block: Block, *names: str) -> Iterator[bytes]:
    """The beginning of each document's object: its record's fields, but for those that are about to be written."""
    for record in block.records or [{}] * len(block):
        kept = {name: value for name, value in record.items() if name not in names}
        head = dump_record(kept)[:-1]
        yield head + b", " if kept else head
