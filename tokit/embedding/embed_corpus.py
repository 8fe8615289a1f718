"""Vectors of a corpus, block by block and on several threads: JSON lines, .npy rows or Parquet."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np

from tokit.arrays import Block, FloatArray, Ids
from tokit.corpus import Corpus
from tokit.corpus.json_record import dump_record
from tokit.corpus.read_report import ReadReport, read_facts
from tokit.embedding.formats.parquet import writing_vectors
from tokit.embedding.static_embedder import Embedder
from tokit.progress import Tick
from tokit.storage.files import check_file, replaces, writing_rows
from tokit.tokenizer.encode_corpus import encode_corpus

# Bytes of vectors that may be made of a block while the blocks before it wait.
AHEAD_BYTES = 1 << 26
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedReport(ReadReport):
    """Result of embedding a corpus.

    Attributes:
        path: The file; None for a stream.
        component: Documents whose first principal component was removed: "all" or "sample".
        component_documents: Number of these documents.
        truncated: Documents that were longer than the model takes.
    """

    documents: int
    tokens: int
    dim: int
    path: str | None = None
    component: str | None = None
    component_documents: int | None = None
    truncated: int = 0


def embed_stream(
    corpus: Corpus, embedder: Embedder, sink: BinaryIO, *, tokens: bool = False, tick: Tick
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
        for rows in embedder.made_of(block, ids):
            yield b"".join([next(heads) + f'"vector": {number % tuple(row)}}}\n'.encode() for row in rows.tolist()])

    def token_lines(block: Block, ids: Ids) -> Iterator[bytes]:
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

    return _each_block(corpus, embedder, token_lines if tokens else pooled, write, tick)


def embed_to_npy(
    corpus: Corpus,
    embedder: Embedder,
    out: str | Path,
    *,
    tokens: bool,
    overwrite: bool,
    tick: Tick,
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
    check_file(out, overwrite=overwrite)
    may_replace = replaces(".npy", overwrite=overwrite)
    ends_file = Path(out).with_name(Path(out).name.removesuffix(".npy") + ".ends.npy")
    if tokens:
        check_file(ends_file, overwrite=overwrite)
    with ExitStack() as stack:
        rows = stack.enter_context(writing_rows(out, may_replace, np.float32, (embedder.dim,)))
        if not tokens:
            report = _each_block(corpus, embedder, embedder.made_of, _into(rows.append), tick)
        else:
            ends = stack.enter_context(writing_rows(ends_file, may_replace, np.int64))

            def write(ids: Ids, parts: Iterable[FloatArray]) -> None:
                ends.append(embedder.token_ends(ids) + rows.rows)
                for part in parts:
                    rows.append(part)

            report = _each_block(corpus, embedder, lambda _, ids: embedder.all_tokens(ids), write, tick)
            report = dataclasses.replace(report, tokens=rows.rows)
    return dataclasses.replace(report, path=str(out))


def embed_to_parquet(
    corpus: Corpus, embedder: Embedder, out: str | Path, *, overwrite: bool, tick: Tick
) -> EmbedReport:
    """Write document vectors as a Parquet file with one list column `vector`.

    Raises:
        ArtifactError: a file is there.
        MissingExtraError: pyarrow is not installed.
    """
    check_file(out, overwrite=overwrite, kind=".parquet")
    with writing_vectors(out, replaces(".parquet", overwrite=overwrite), embedder.dim) as rows:
        return _each_block(corpus, embedder, embedder.made_of, _into(rows.append), tick)


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

    def vectors_of(block: Block, ids: Ids) -> tuple[Ids, Iterable[T]]:
        parts = make(block, ids)
        # A block of two megabytes may have as many documents, none of them with a word in it.
        few = max(len(ids), len(ids.data)) * embedder.dim * 4 <= AHEAD_BYTES
        return ids, list(parts) if few and embedder.in_threads else parts

    documents = tokens = 0
    # Documents may have been truncated before, where the component was looked for.
    truncated_before = embedder.truncated
    for ids, parts in encode_corpus(corpus, embedder.tokenizer, vectors_of, embedder.options, tick):
        sink(ids, parts)
        documents += len(ids)
        tokens += len(ids.data)
    component = embedder.component
    return EmbedReport(
        documents=documents,
        tokens=tokens,
        dim=embedder.dim,
        **read_facts(corpus),
        component=None if component is None else component.of,
        component_documents=None if component is None else component.documents,
        truncated=embedder.truncated - truncated_before,
    )


def _heads(block: Block, *names: str) -> Iterator[bytes]:
    """The beginning of each document's object: its record's fields, but for those that are about to be written."""
    for record in block.records or [{}] * len(block):
        fields = {name: value for name, value in record.items() if name not in names}
        head = dump_record(fields)[:-1]
        yield head + b", " if fields else head
