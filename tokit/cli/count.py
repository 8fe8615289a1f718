"""`tokit count`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tokit.cli.corpus_options import CorpusOptions, takes_corpus
from tokit.cli.formatting import human_bytes
from tokit.cli.options import (
    DigitsOpt,
    EngineOpt,
    NormalizerOpt,
    OutOpt,
    OverwriteOpt,
    PreTokenizerOpt,
    ThreadsOpt,
    normalizer_names,
    set_up,
    writes_output,
)
from tokit.cli.output import Output, warn, warn_of_bad_text

if TYPE_CHECKING:
    from tokit.ops.count import CountReport

CountsOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--counts",
        metavar="DIR",
        help="Counts to add; may be repeated. Without a corpus they are only merged.",
        show_default=False,
    ),
]
MinFrequencyOpt = Annotated[
    int,
    typer.Option(
        "--min-frequency",
        min=1,
        metavar="N",
        help="Omit words that occur less often; from 2 on, rare ones may be dropped on the way.",
    ),
]
MaxWordsOpt = Annotated[
    int | None,
    typer.Option(
        "--max-words",
        min=1,
        metavar="N",
        help="Distinct words that each thread may hold.",
        show_default="what fits into memory",
    ),
]


@takes_corpus
@writes_output
def count(
    *,
    corpus: CorpusOptions,
    out: OutOpt,
    counts: CountsOpt = None,
    normalizer: NormalizerOpt = None,
    pre_tokenizer: PreTokenizerOpt = None,
    digits: DigitsOpt = None,
    min_frequency: MinFrequencyOpt = 1,
    max_words: MaxWordsOpt = None,
    threads: ThreadsOpt = None,
    engine: EngineOpt = None,
    overwrite: OverwriteOpt = False,
    output: Output,
) -> None:
    """Count words into a folder, to merge with others and to train from.

    $ tokit count shard1/ -o counts1
    $ tokit count --counts counts1 --counts counts2 -o all
    """
    set_up(threads, engine)
    from tokit.ops.count import count_words
    from tokit.text.pipeline import PipelineOptions, TextPipeline

    options = PipelineOptions(normalizer_names(normalizer), pre_tokenizer, digits)
    pipeline = None if options == PipelineOptions() else options.over(TextPipeline())
    with output.progress() as tick:
        report = count_words(
            corpus.open_beside(counts),
            out,
            pipeline=pipeline,
            counts=counts or (),
            min_frequency=min_frequency,
            max_words=max_words,
            overwrite=overwrite,
            tick=tick,
        )
    show(report, output)


def show(report: CountReport, output: Output) -> None:
    """Write the result of a count."""
    warn_of_bad_text(report)
    if report.shortfall:
        warn(
            f"rare words were dropped to save memory: counts may be too low by up to {report.shortfall:,},"
            f" and a word that is missing may occur up to {report.missing_up_to:,} times"
        )
    output.result(report)
    output.note(
        f"{report.path}  {report.words:,} distinct words, {report.total:,} in all,"
        f" from {report.documents:,} documents, {human_bytes(report.bytes)}"
    )
