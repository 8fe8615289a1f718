"""`tokit import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tokit.cli import console, render
from tokit.cli.options import (
    JsonOpt,
    NormalizerOpt,
    OutOpt,
    OverwriteOpt,
    PreTokenizerOpt,
    QuietOpt,
    normalizer_names,
)

FileArg = Annotated[Path, typer.Argument(help="A file of word vectors.", metavar="FILE", show_default=False)]
VectorFormatOpt = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="word2vec, word2vec-binary, glove, fasttext-vec, fasttext-bin, npy or safetensors.",
        show_default="how the file begins says",
    ),
]
WordsOpt = Annotated[
    Path | None,
    typer.Option("--words", help="The words of a .npy or .safetensors matrix, one a line.", show_default=False),
]
ColumnsOpt = Annotated[
    int | None,
    typer.Option("-d", "--dim", help="Columns, where the file does not say.", show_default="the file says"),
]
NgramsOpt = Annotated[
    bool,
    typer.Option(
        "--ngrams/--no-ngrams",
        help="Keep the n-grams of a fastText .bin: words that it does not have then get a vector. They take most of the"
        " room.",
    ),
]
COUNTS = {
    "file": "counts from the file",
    "rank": "counts by rank, as the file has none",
    "ones": "every word counts once, as the file has no counts",
}


def import_(
    file: FileArg,
    out: OutOpt,
    format_: VectorFormatOpt = None,
    words: WordsOpt = None,
    dim: ColumnsOpt = None,
    normalizer: NormalizerOpt = None,
    pre_tokenizer: PreTokenizerOpt = None,
    ngrams: NgramsOpt = True,
    overwrite: OverwriteOpt = False,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Read word vectors of other tools: word2vec, GloVe, fastText, NumPy, safetensors.

    tokit import glove.6B.50d.txt --normalizer lowercase -o glove
    """
    from tokit.ops.import_vectors import import_vectors
    from tokit.text.pipeline import PipelineOptions

    pipeline = PipelineOptions(normalizers=normalizer_names(normalizer), pre_tokenizer=pre_tokenizer)
    with console.progress(quiet=quiet) as tick:
        report = import_vectors(
            file,
            out,
            format=format_,
            words=words,
            dim=dim,
            pipeline=pipeline,
            ngrams=ngrams,
            overwrite=overwrite,
            tick=tick,
        )
    for message in report.notes:
        console.warn(message)
    if as_json:
        render.as_json(report)
        return
    rows = f", {report.ngrams:,} n-grams" if report.ngrams else ""
    console.note(
        f"{report.path}  {report.format}, {report.words:,} words{rows}, {report.dim} dimensions; "
        f"{COUNTS[report.counts]}",
        quiet=quiet,
    )
