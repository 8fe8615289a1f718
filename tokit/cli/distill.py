"""`tokit distil`."""

from __future__ import annotations

from typing import Annotated

import typer

from tokit.cli import console, render
from tokit.cli.compare import CorpusOpt
from tokit.cli.embed import LayerOpt
from tokit.cli.options import (
    MAX_DOCUMENT,
    ErrorsOpt,
    FieldOpt,
    FilesFromOpt,
    FormatOpt,
    JsonOpt,
    MaxDocumentOpt,
    OutOpt,
    OverwriteOpt,
    QuietOpt,
    ThreadsOpt,
    UnitOpt,
    opened,
)
from tokit.cli.train import warn_of_broken_text

ModelOpt = Annotated[str, typer.Option("-e", "--embedding", help="A folder of a language model.", show_default=False)]
PiecesOpt = Annotated[
    str | None,
    typer.Option(
        "-t", "--tokenizer", help="Whose pieces get a vector: a tokenizer folder, or a file of another tool.",
        show_default="the model's own",
    ),
]  # fmt: skip
ColumnsOpt = Annotated[
    int | None,
    typer.Option("-d", "--dim", help="Columns of the vectors.", show_default="256, or the model's"),
]
SmoothingOpt = Annotated[
    float | None,
    typer.Option("--sif-a", help="The larger, the more do frequent pieces weigh.", show_default="0.0001"),
]


def distil(
    embedding: ModelOpt,
    out: OutOpt,
    tokenizer: PiecesOpt = None,
    dim: ColumnsOpt = None,
    sif_a: SmoothingOpt = None,
    layer: LayerOpt = None,
    corpus: CorpusOpt = None,
    unit: UnitOpt = None,
    field: FieldOpt = None,
    format_: FormatOpt = None,
    errors: ErrorsOpt = "strict",
    max_document: MaxDocumentOpt = MAX_DOCUMENT,
    files_from: FilesFromOpt = None,
    threads: ThreadsOpt = None,
    overwrite: OverwriteOpt = False,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Turn a language model into a static embedding, as Model2Vec does; with -c rare pieces are those of a text.

    tokit distil -e bert -o static; tokit distil -e bert -t tok -c text/ -o static
    """
    from tokit.runtime.threads import set_threads

    set_threads(threads)
    from tokit.ops.distill import distil as distil_model

    text = None
    if corpus or files_from:
        text = opened(
            corpus,
            unit=unit,
            field=field,
            format_=format_,
            errors=errors,
            max_document=max_document,
            files_from=files_from,
        )
    with console.progress(quiet=quiet) as tick:
        report = distil_model(
            embedding,
            out,
            tokenizer=tokenizer,
            corpus=text,
            dim=dim,
            a=sif_a,
            layer=layer,
            overwrite=overwrite,
            tick=tick,
        )
    warn_of_broken_text(report.skipped, report.replaced)
    if as_json:
        render.as_json(report)
        return
    rare = f"{report.documents:,} documents" if report.counts == "corpus" else "the order of the vocabulary"
    console.note(
        f"{report.path}  {report.known:,} of {report.vocab_size:,} pieces, {report.dim} dimensions of {report.hidden}"
        f" ({100 * report.explained:.1f} % of the variance); weights by {rare}",
        quiet=quiet,
    )
