"""`tokit import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tokit.cli import completion
from tokit.cli.card_options import writes_card
from tokit.cli.options import NormalizerOpt, OutOpt, OverwriteOpt, PreTokenizerOpt, normalizer_names, writes_output
from tokit.cli.output import Output, warn

FileArg = Annotated[
    Path,
    typer.Argument(
        help="File of word vectors, plain or compressed (.gz, .bz2, .xz, .zst, .zip); - is standard input.",
        metavar="FILE",
        show_default=False,
    ),
]
VectorFormatOpt = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="word2vec, word2vec-binary, glove, fasttext-vec, fasttext-bin, npy or safetensors.",
        show_default="by the first bytes",
        autocompletion=completion.import_formats,
    ),
]
WordsOpt = Annotated[
    Path | None,
    typer.Option(
        "--words", metavar="FILE", help="Words of a .npy or .safetensors matrix, one a line.", show_default=False
    ),
]
DimOpt = Annotated[
    int | None,
    typer.Option("-d", "--dim", metavar="N", help="Dimension of the vectors.", show_default="as the file says"),
]
LimitOpt = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        help="Read only the first N rows: files list frequent words first.",
        show_default="all",
    ),
]
MemberOpt = Annotated[
    str | None,
    typer.Option(
        "--member", metavar="NAME", help="File to read of a zip archive.", show_default="the only one that it holds"
    ),
]
RowErrorsOpt = Annotated[
    str,
    typer.Option(
        "--errors",
        metavar="MODE",
        help="Rows that cannot be read: strict (stop), replace (bytes that are not UTF-8 by U+FFFD), or skip: leave"
        " them out and count them.",
        autocompletion=completion.words("strict", "replace", "skip"),
    ),
]
NgramsOpt = Annotated[
    bool,
    typer.Option(
        "--ngrams/--no-ngrams",
        help="Keep the n-grams of a fastText .bin: they give a vector to words it does not have, and take most of the"
        " space.",
    ),
]
COUNTS = {
    "file": "counts from the file",
    "rank": "counts by rank, as the file has none",
    "ones": "every word counts once, as the file has no counts",
}


@writes_card
@writes_output
def import_(
    *,
    file: FileArg,
    out: OutOpt,
    format_: VectorFormatOpt = None,
    words: WordsOpt = None,
    dim: DimOpt = None,
    limit: LimitOpt = None,
    errors: RowErrorsOpt = "strict",
    member: MemberOpt = None,
    normalizer: NormalizerOpt = None,
    pre_tokenizer: PreTokenizerOpt = None,
    ngrams: NgramsOpt = True,
    overwrite: OverwriteOpt = False,
    output: Output,
) -> None:
    """Read word vectors of other tools: word2vec, GloVe, fastText, NumPy, safetensors.

    $ tokit import glove.6B.zip --member glove.6B.50d.txt -o glove
    $ tokit import cc.en.300.vec.gz --limit 200000 -o english
    $ curl -s https://example.org/vectors.txt | tokit import - -o vectors
    """
    from tokit.ops.import_vectors import import_vectors
    from tokit.text.pipeline import PipelineOptions

    with output.progress() as tick:
        report = import_vectors(
            file,
            out,
            format=format_,
            words=words,
            dim=dim,
            limit=limit,
            errors=errors,
            member=member,
            pipeline=PipelineOptions(normalizers=normalizer_names(normalizer), pre_tokenizer=pre_tokenizer),
            ngrams=ngrams,
            overwrite=overwrite,
            tick=tick,
        )
    for message in report.notes:
        warn(message)
    output.result(report)
    rows = f", {report.ngrams:,} n-grams" if report.ngrams else ""
    output.note(
        f"{report.path}  {report.format}, {report.words:,} words{rows}, {report.dim} dimensions;"
        f" {COUNTS[report.counts]}"
    )
