"""`tokit embed`: documents to vectors, one a document or one a token, on a stream or as a file."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tokit.arrays import FloatArray
from tokit.corpus import Corpus
from tokit.embedding.component_removal import with_component_removed
from tokit.embedding.embed_corpus import EmbedReport, embed_stream, embed_to_npy, embed_to_parquet
from tokit.embedding.static_embedder import Embedder
from tokit.errors import UsageError
from tokit.lm.load_embedder import load_embedder
from tokit.progress import Tick, silent
from tokit.registry import did_you_mean
from tokit.storage.files import check_file, replaces, writing_file

FILES = (".npy", ".parquet", ".jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedOptions:
    """Settings of an embedding run.

    Attributes:
        pool: Of a static embedding: "mean", "sif" or "idf"; None is "mean".
        sif_a: Smoothing of SIF; None is 1e-3.
        remove_component: Remove the first principal component of "all" documents or of a "sample".
        tokens: A vector for each token in place of one for each document.
        words: With `tokens`: a vector for each word.
        layer: Of a language model: a number, "last4" or "mix".
        engine: Of a language model: "torch" or "onnx".
        int8: In ONNX Runtime, the model with int8 weights.
    """

    pool: str | None = None
    sif_a: float | None = None
    remove_component: str | None = None
    tokens: bool = False
    words: bool = False
    layer: str | None = None
    engine: str | None = None
    int8: bool = False

    def check(self, out: object = None) -> None:
        """Refuse options that contradict each other, or the file.

        Args:
            out: A file, or something else for a stream.

        Raises:
            UsageError: they do.
        """
        if isinstance(out, (str, Path)):
            file_kind(out, tokens=self.tokens)
        if self.tokens and (self.pool or self.sif_a is not None):
            raise UsageError("--tokens gives the vector of every token, --pool one of them all", hint="leave one out")
        if self.tokens and self.remove_component is not None:
            raise UsageError("--remove-component is for vectors of documents, not of --tokens", hint="leave one out")
        if self.sif_a is not None and self.pool != "sif":
            raise UsageError("--sif-a is for --pool sif", hint="add --pool sif, or leave --sif-a out")
        if self.words and not self.tokens:
            raise UsageError("--words goes with --tokens", hint="add --tokens")

    def open(self, folder: str | Path) -> Embedder:
        """Open an embedding with these options."""
        return load_embedder(
            folder,
            pool=self.pool,
            sif_a=self.sif_a,
            layer=self.layer,
            engine=self.engine,
            int8=self.int8,
            words=self.words,
        )


def embed(texts: list[str], folder: str | Path, *, pool: str | None = None, sif_a: float | None = None) -> FloatArray:
    """One vector a text; shape (texts, dim). Many calls are faster through `load_embedder`."""
    return load_embedder(folder, pool=pool, sif_a=sif_a).embed(texts)


def embed_corpus(
    corpus: Corpus,
    embedding: str | Path | Embedder,
    out: str | Path | BinaryIO,
    options: EmbedOptions | None = None,
    *,
    overwrite: bool = False,
    tick: Tick = silent,
) -> EmbedReport:
    """Write the vectors of a corpus, as JSON lines to a stream or into a file.

    Args:
        corpus: The documents; opened with `keep_records`, JSON lines keep the fields of their records.
        embedding: A folder, or an opened embedding.
        out: A binary stream, or a file whose name says its format: `.npy`, `.parquet` or `.jsonl`.
        options: Settings.
        overwrite: Replace an existing file.
        tick: Progress.

    Raises:
        UsageError: options that contradict each other or do not fit the embedding or the file.
        ArtifactError: a file is there, or the embedding cannot be opened.
        CorpusError: text that cannot be read.
    """
    options = options or EmbedOptions()
    options.check(out)
    embedder = embedding if isinstance(embedding, Embedder) else options.open(embedding)
    with ExitStack() as stack:
        if options.remove_component is not None:
            corpus = stack.enter_context(corpus.spooled())
            embedder = with_component_removed(corpus, embedder, options.remove_component, tick)
        if not isinstance(out, (str, Path)):
            return embed_stream(corpus, embedder, out, tokens=options.tokens, tick=tick)
        return _embed_to_file(corpus, embedder, out, tokens=options.tokens, overwrite=overwrite, tick=tick)


def _embed_to_file(
    corpus: Corpus, embedder: Embedder, out: str | Path, *, tokens: bool, overwrite: bool, tick: Tick
) -> EmbedReport:
    kind = file_kind(out, tokens=tokens)
    if kind == ".npy":
        report = embed_to_npy(corpus, embedder, out, tokens=tokens, overwrite=overwrite, tick=tick)
    elif kind == ".jsonl":
        check_file(out, overwrite=overwrite, kind=kind)
        with writing_file(out, replaces(kind, overwrite=overwrite)) as file:
            report = embed_stream(corpus, embedder, file, tokens=tokens, tick=tick)
    else:
        report = embed_to_parquet(corpus, embedder, out, overwrite=overwrite, tick=tick)
    return dataclasses.replace(report, path=str(out))


def file_kind(out: str | Path, *, tokens: bool = False) -> str:
    """The format of a file by the end of its name; a name without one is a .npy file's.

    Raises:
        UsageError: an unknown ending, or token vectors for Parquet.
    """
    kind = Path(out).suffix or ".npy"
    if kind not in FILES:
        raise UsageError(f"-o {out}: unknown ending '{kind}'", hint=did_you_mean(kind, list(FILES)))
    if tokens and kind == ".parquet":
        raise UsageError("--tokens does not go into a .parquet file", hint="name a .npy or .jsonl file")
    return kind


def keeps_records(out: str | Path | None) -> bool:
    """True when the output has room for the other fields of a corpus's records: JSON lines."""
    return out is None or file_kind(out) == ".jsonl"
