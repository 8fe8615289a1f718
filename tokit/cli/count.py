"""`tokit count`."""

from __future__ import annotations

from typing import Annotated, Optional

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
)
from tokit.cli.train import warn_of_broken_text

CountsOpt = Annotated[
    Optional[list[str]],  # noqa: UP045 - typer reads it at run time
    typer.Option("--counts", help="Counts to add; may be repeated. Without a corpus they are only merged."),
]


def count(
    out: OutOpt,
    corpus: CorpusArg = None,
    counts: CountsOpt = None,
    normalizer: NormalizerOpt = None,
    pre_tokenizer: PreTokenizerOpt = None,
    digits: DigitsOpt = None,
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
    from tokit.kernels.choice import set_engine
    from tokit.runner.threads import set_threads

    set_threads(threads)
    set_engine(engine)
    from tokit.ops.count import count_to_folder
    from tokit.ops.train import RuleOptions
    from tokit.rules import TextRules

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
    options = RuleOptions(normalizer_names(normalizer), pre_tokenizer, digits)
    rules = None if options == RuleOptions() else options.over(TextRules())
    with console.progress(quiet=quiet) as tick:
        report = count_to_folder(text, out, rules=rules, counts=counts or (), overwrite=overwrite, tick=tick)
    warn_of_broken_text(report.skipped, report.replaced)
    if as_json:
        render.as_json(report)
        return
    console.note(
        f"{report.path}  {report.words:,} distinct words, {report.total:,} in all,"
        f" from {report.documents:,} documents, {console.human_bytes(report.bytes)}",
        quiet=quiet,
    )
