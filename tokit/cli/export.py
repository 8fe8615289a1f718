"""`tokit export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tokit.cli import console, render
from tokit.cli.options import JsonOpt, QuietOpt

ArtifactArg = Annotated[Path, typer.Argument(help="An embedding folder.", metavar="ARTIFACT", show_default=False)]
ToOpt = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="FORMAT",
        help="fasttext (.bin, n-grams included), word2vec (text), word2vec-binary, glove, or npy and a list of words.",
        show_default=False,
    ),
]
FileOpt = Annotated[Path, typer.Option("-o", "--out", help="The file to write.", show_default=False)]
VerifyOpt = Annotated[
    bool, typer.Option("--verify", help="Load it back in the libraries it is for; exit 3 if a vector differs.")
]
ReplaceOpt = Annotated[bool, typer.Option("--overwrite", help="Replace a file of the same format.")]


def export(
    artifact: ArtifactArg,
    to: ToOpt,
    out: FileOpt,
    verify: VerifyOpt = False,
    overwrite: ReplaceOpt = False,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Write an embedding's vectors as a file of another tool.

    tokit export emb --to fasttext -o emb.bin --verify

    Only tokens that the training text has are written, frequent ones first. Words of a .bin are the tokens' texts, a
    space before them included. In other formats pieces of a subword tokenizer have the names of its file (Ġking).
    """
    from tokit.ops.export import export_embedding

    with console.progress(quiet=quiet) as tick:
        report = export_embedding(artifact, out, to=to, verify=verify, overwrite=overwrite, tick=tick)
    for message in report.notes:
        console.warn(message)
    if as_json:
        render.as_json(report)
        return
    ngrams = f", {report.ngrams:,} n-grams" if report.ngrams else ""
    beside = f"; words in {report.word_list}" if report.word_list else ""
    verified = f"; the same in {' and '.join(report.verified_by)}" if report.verified_by else ""
    console.note(
        f"{report.path}  {report.format}, {report.words:,} words{ngrams}, {report.dim} dimensions{beside}{verified}",
        quiet=quiet,
    )
