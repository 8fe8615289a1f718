"""`tokit embed`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokit.cli import completion
from tokit.cli.corpus_options import CorpusOptions, takes_corpus
from tokit.cli.options import EmbeddingOpt, OverwriteOpt, ThreadsOpt, set_up, writes_output
from tokit.cli.output import Output, warn, warn_of_bad_text
from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokit.embedding.embed_corpus import EmbedReport

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
        "-o", "--out", metavar="FILE", help="Write a .npy, .parquet or .jsonl file, not JSON lines.", show_default=False
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
    if output.as_json and out is None:
        raise UsageError("standard output holds the vectors, so there is no place for --json", hint="leave --json out")
    from tokit.ops.embed import EmbedOptions, embed_corpus, keeps_records

    options = EmbedOptions(
        pool=pool,
        sif_a=sif_a,
        remove_component=remove_component,
        tokens=tokens,
        words=words,
        layer=layer,
        engine=engine,
        int8=int8,
    )
    options.check(out)
    text = corpus.open(keep_records=keeps_records(out))
    with output.progress(shown=out is not None or not sys.stdout.isatty()) as tick:
        report = embed_corpus(
            text, embedding, sys.stdout.buffer if out is None else out, options, overwrite=overwrite, tick=tick
        )
    show(report, output, tokens=tokens)


def show(report: EmbedReport, output: Output, *, tokens: bool) -> None:
    """Write the summary of an embedding."""
    warn_of_bad_text(report)
    if report.truncated:
        warn(f"documents longer than the model takes, which were truncated: {report.truncated:,}")
    if report.path is not None:
        output.result(report)
        rows = report.tokens if tokens else report.documents
        output.note(f"{report.path}  {rows:,} vectors of {report.dim} dimensions")
    if report.component is not None:
        extent = "all" if report.component == "all" else "the first"
        output.note(f"without the first principal component of {extent} {report.component_documents:,} documents")
