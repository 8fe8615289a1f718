"""`tokit distill`."""

from __future__ import annotations

from typing import Annotated

import typer

from tokit.cli.card_options import writes_card
from tokit.cli.corpus_options import CorpusOptions, takes_corpus_option
from tokit.cli.options import ModelOpt, OutOpt, OverwriteOpt, ThreadsOpt, set_up, writes_output
from tokit.cli.output import Output, warn_of_bad_text

VocabularyOpt = Annotated[
    str | None,
    typer.Option(
        "-t",
        "--tokenizer",
        metavar="TOK",
        help="Tokenizer of the embedding: a folder, or a file of another tool.",
        show_default="that of the model",
    ),
]
DimOpt = Annotated[
    int | None,
    typer.Option(
        "-d", "--dim", metavar="N", help="Dimension of the vectors.", show_default="256, or the model's if smaller"
    ),
]
SifOpt = Annotated[
    float | None,
    typer.Option(
        "--sif-a",
        metavar="X",
        help="SIF coefficient; the larger, the less are frequent tokens down-weighted.",
        show_default="0.0001",
    ),
]
LayerOpt = Annotated[
    str | None,
    typer.Option(
        "--layer",
        metavar="N|last4|mix",
        help="Layer of the model: 0 to -1, the mean of the last four, or the learned mix of an lstm.",
        show_default="the last, or the mix",
    ),
]


@takes_corpus_option
@writes_card
@writes_output
def distill(
    *,
    model: ModelOpt,
    out: OutOpt,
    tokenizer: VocabularyOpt = None,
    dim: DimOpt = None,
    corpus: CorpusOptions,
    sif_a: SifOpt = None,
    layer: LayerOpt = None,
    threads: ThreadsOpt = None,
    overwrite: OverwriteOpt = False,
    output: Output,
) -> None:
    """Turn a language model into a static embedding, as Model2Vec does.

    $ tokit distill -m bert -o static
    $ tokit distill -m bert -t tok -c text/ -o static

    With -c the frequencies of tokens are counted in a text; else the order of the vocabulary stands for them.
    """
    set_up(threads)
    from tokit.ops.distill import distill

    with output.progress() as tick:
        report = distill(
            model,
            out,
            tokenizer=tokenizer,
            corpus=corpus.open() if corpus.named else None,
            dim=dim,
            a=sif_a,
            layer=layer,
            overwrite=overwrite,
            tick=tick,
        )
    warn_of_bad_text(report)
    output.result(report)
    frequencies = f"{report.documents:,} documents" if report.counts == "corpus" else "the order of the vocabulary"
    output.note(
        f"{report.path}  {report.known:,} of {report.vocab_size:,} tokens, {report.dim} dimensions of {report.hidden}"
        f" ({100 * report.explained:.1f} % of the variance); frequencies from {frequencies}"
    )
