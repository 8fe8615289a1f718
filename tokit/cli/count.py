"""`tokit count`."""

from __future__ import annotations

from typing import Annotated

import typer

from tokit.cli import console, render
from tokit.cli.options import (
    MAX_DOCUMENT,
    CorpusArg,
    DigitsOpt,
    EngineOpt,
    ErrorsOpt,
    FieldOpt,
    FilesFromOpt,
    FormatOpt,
    JsonOpt,
    MaxDocumentOpt,
    NormalizerOpt,
    OutOpt,
    OverwriteOpt,
    PreTokenizerOpt,
    QuietOpt,
    ThreadsOpt,
    UnitOpt,
    normalizer_names,
    opened_beside_counts,
    set_up,
)
from tokit.cli.train import warn_of_broken_text

CountsOpt = Annotated[
    list[str] | None,
    typer.Option("--counts", help="Counts to add; may be repeated. Without a corpus they are only merged."),
]

MinFrequencyOpt = Annotated[
    int,
    typer.Option(
        "--min-frequency", min=1, help="Leave out words that occur less often; from 2 on rare ones may be forgotten."
    ),
]
MaxWordsOpt = Annotated[
    int | None,
    typer.Option("--max-words", min=1, help="Distinct words that each thread may hold.", show_default="what fits"),
]


def count(
    out: OutOpt,
    corpus: CorpusArg = None,
    counts: CountsOpt = None,
    normalizer: NormalizerOpt = None,
    pre_tokenizer: PreTokenizerOpt = None,
    digits: DigitsOpt = None,
    min_frequency: MinFrequencyOpt = 1,
    max_words: MaxWordsOpt = None,
    unit: UnitOpt = None,
    field: FieldOpt = None,
    format_: FormatOpt = None,
    errors: ErrorsOpt = "strict",
    max_document: MaxDocumentOpt = MAX_DOCUMENT,
    files_from: FilesFromOpt = None,
    threads: ThreadsOpt = None,
    engine: EngineOpt = None,
    overwrite: OverwriteOpt = False,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Count words into a folder to merge and to train from.

    tokit count shard1/ -o counts1; tokit count --counts counts1 --counts counts2 -o all
    """
    set_up(threads, engine)
    from tokit.ops.count import count_to_folder
    from tokit.text.pipeline import PipelineOptions, TextPipeline

    text = opened_beside_counts(
        counts,
        corpus,
        unit=unit,
        field=field,
        format_=format_,
        errors=errors,
        max_document=max_document,
        files_from=files_from,
    )
    options = PipelineOptions(normalizer_names(normalizer), pre_tokenizer, digits)
    pipeline = None if options == PipelineOptions() else options.over(TextPipeline())
    with console.progress(quiet=quiet) as tick:
        report = count_to_folder(
            text,
            out,
            pipeline=pipeline,
            counts=counts or (),
            min_frequency=min_frequency,
            max_words=max_words,
            overwrite=overwrite,
            tick=tick,
        )
    warn_of_broken_text(report.skipped, report.replaced)
    if report.shortfall:
        console.warn(
            f"rare words were forgotten to save memory: counts may be too low by up to {report.shortfall:,},"
            f" and a word that is missing may occur up to {report.missing_up_to:,} times"
        )
    if as_json:
        render.as_json(report)
        return
    console.note(
        f"{report.path}  {report.words:,} distinct words, {report.total:,} in all,"
        f" from {report.documents:,} documents, {console.human_bytes(report.bytes)}",
        quiet=quiet,
    )
