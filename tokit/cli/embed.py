"""`tokit embed`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokit.cli import completion
from tokit.cli.options import (
    CorpusOptions,
    EmbeddingOpt,
    OverwriteOpt,
    ThreadsOpt,
    set_up,
    takes_corpus,
    writes_output,
)
from tokit.cli.output import Output, warn, warn_of_broken_text
from tokit.errors import UsageError
from tokit.registry import did_you_mean

if TYPE_CHECKING:
    from tokit.corpus import Corpus
    from tokit.embedding.static_embedder import Embedder
    from tokit.ops.embed import EmbedReport
    from tokit.progress import Tick

PoolOpt = Annotated[
    str | None,
    typer.Option(
        "--pool",
        metavar="NAME",
        help="Pooling of token vectors: mean, or sif or idf (rare tokens weigh more).",
        show_default="mean",
        autocompletion=completion.words("mean", "sif", "idf"),
    ),
]
SifOpt = Annotated[
    float | None,
    typer.Option("--sif-a", metavar="X", help="Smoothing of sif; 0.0001 to 0.001 in the paper.", show_default="0.001"),
]
ComponentOpt = Annotated[
    str | None,
    typer.Option(
        "--remove-component",
        metavar="all|sample",
        help="Remove the first principal component of all documents, which are read once for it, or of a sample of"
        " about 100,000.",
        show_default=False,
        autocompletion=completion.words("all", "sample"),
    ),
]
TokensOpt = Annotated[bool, typer.Option("--tokens", help="Write a vector for each token, not for each document.")]
WordsOpt = Annotated[
    bool, typer.Option("--words", help="With --tokens: a vector for each word, the mean of its pieces.")
]
LayerOpt = Annotated[
    str | None,
    typer.Option(
        "--layer",
        metavar="N|last4|mix",
        help="With a language model: layer 0 to -1, the mean of the last four, or the learned mix of an lstm.",
        show_default="the last, or the mix",
    ),
]
ModelEngineOpt = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="With a language model: torch, or onnx, which needs no torch; see tokit export --to onnx.",
        show_default="by the folder",
        autocompletion=completion.words("torch", "onnx"),
    ),
]
Int8Opt = Annotated[bool, typer.Option("--int8", help="With onnx: the model with int8 weights.")]
FileOpt = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        metavar="FILE",
        help="Write a .npy, .parquet or .jsonl file, not JSON lines.",
        show_default=False,
    ),
]


@takes_corpus
@writes_output
def embed(
    *,
    corpus: CorpusOptions,
    embedding: EmbeddingOpt,
    out: FileOpt = None,
    pool: PoolOpt = None,
    tokens: TokensOpt = False,
    words: WordsOpt = False,
    sif_a: SifOpt = None,
    remove_component: ComponentOpt = None,
    layer: LayerOpt = None,
    engine: ModelEngineOpt = None,
    int8: Int8Opt = False,
    threads: ThreadsOpt = None,
    overwrite: OverwriteOpt = False,
    output: Output,
) -> None:
    """Turn documents into vectors: JSON lines, or a file with -o.

    $ echo "the sea" | tokit embed -e emb
    $ tokit embed text/ -e emb -o text.npy
    """
    set_up(threads)
    check_options(
        tokens=tokens, pool=pool, sif_a=sif_a, component=remove_component, to_file=out is not None,
        as_json=output.as_json,
    )  # fmt: skip
    if words and not tokens:
        raise UsageError("--words goes with --tokens", hint="add --tokens")
    from tokit.ops.embed import file_kind

    kind = None if out is None else file_kind(out, tokens=tokens)

    embedder = _opened_embedder(embedding, pool, sif_a, layer=layer, engine=engine, int8=int8)
    if words:
        from tokit.embedding.word_embedder import WordEmbedder

        embedder = WordEmbedder(embedder)
    text = corpus.open(keep_records=kind in (None, ".jsonl"))
    with output.progress(shown=out is not None or not sys.stdout.isatty()) as tick:
        report = _embedded(text, embedder, out, remove_component, tokens=tokens, overwrite=overwrite, tick=tick)
    show(report, output, tokens=tokens)


def show(report: EmbedReport, output: Output, *, tokens: bool) -> None:
    """Write the summary of an embedding."""
    warn_of_broken_text(report.skipped, report.replaced)
    if report.truncated:
        warn(f"documents longer than the model takes, which were truncated: {report.truncated:,}")
    if report.path is not None:
        output.result(report)
        rows = report.tokens if tokens else report.documents
        output.note(f"{report.path}  {rows:,} vectors of {report.dim} dimensions")
    if report.component is not None:
        extent = "all" if report.component == "all" else "the first"
        output.note(f"without the first principal component of {extent} {report.component_documents:,} documents")


def _opened_embedder(
    embedding: str, pool: str | None, sif_a: float | None, *, layer: str | None, engine: str | None, int8: bool
) -> Embedder:
    from tokit.embedding.static_embedder import DEFAULT_SIF, POOLS, open_static_embedder
    from tokit.lm.contextual_embedder import is_language_model, open_contextual_embedder

    if not is_language_model(embedding):
        static = open_static_embedder(embedding, pool=pool or "mean", a=DEFAULT_SIF if sif_a is None else sif_a)
        for option, given in (("--layer", layer), ("--engine", engine), ("--int8", int8)):
            if given:
                raise UsageError(f"{option}: {embedding} is no language model", hint=f"leave {option} out")
        return static
    if pool is not None and pool not in POOLS:
        raise UsageError(f"unknown --pool '{pool}'", hint=did_you_mean(pool, list(POOLS)))
    if pool not in (None, "mean"):
        raise UsageError(
            f"--pool {pool} is for static embeddings", hint="a language model takes the mean, or what its folder says"
        )
    return open_contextual_embedder(embedding, layer=layer, engine=engine, int8=int8)


def _embedded(
    text: Corpus,
    embedder: Embedder,
    out: Path | None,
    component: str | None,
    *,
    tokens: bool,
    overwrite: bool,
    tick: Tick,
) -> EmbedReport:
    from tokit.ops.embed import embed_stream, embed_to_file, with_component_removed

    with ExitStack() as stack:
        if component is not None:
            text = stack.enter_context(text.spooled())
            embedder = with_component_removed(text, embedder, component, tick)
        if out is None:
            return embed_stream(text, embedder, sys.stdout.buffer, tokens=tokens, tick=tick)
        return embed_to_file(text, embedder, out, tokens=tokens, overwrite=overwrite, tick=tick)


def check_options(
    *, tokens: bool, pool: str | None, sif_a: float | None, component: str | None, to_file: bool, as_json: bool
) -> None:
    """Refuse options that do not fit each other.

    Raises:
        UsageError: they do not.
    """
    if tokens and (pool or sif_a is not None):
        raise UsageError("--tokens gives the vector of every token, --pool one of them all", hint="leave one out")
    if tokens and component is not None:
        raise UsageError("--remove-component is for vectors of documents, not of --tokens", hint="leave one out")
    if sif_a is not None and pool != "sif":
        raise UsageError("--sif-a is for --pool sif", hint="add --pool sif, or leave --sif-a out")
    if as_json and not to_file:
        raise UsageError("standard output holds the vectors, so there is no place for --json", hint="leave --json out")
