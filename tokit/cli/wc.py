"""`tokit wc`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tokit.cli import console, render
from tokit.cli.options import (
    MAX_DOCUMENT,
    CorpusArg,
    ErrorsOpt,
    FieldOpt,
    FilesFromOpt,
    FormatOpt,
    JsonOpt,
    MaxDocumentOpt,
    QuietOpt,
    ThreadsOpt,
    UnitOpt,
    opened,
)
from tokit.cli.train import warn_of_broken_text

if TYPE_CHECKING:
    from tokit.ops.wc import SourceCount, WcReport

TokenizerOpt = Annotated[
    str | None,
    typer.Option(
        "-t", "--tokenizer", help="A tokenizer folder, or a file of another tool; adds tokens.", show_default=False
    ),
]
# GNU wc's, where the size of a source is not known before.
PIPE_WIDTH = 7


def wc(
    corpus: CorpusArg = None,
    tokenizer: TokenizerOpt = None,
    unit: UnitOpt = None,
    field: FieldOpt = None,
    format_: FormatOpt = None,
    errors: ErrorsOpt = "strict",
    max_document: MaxDocumentOpt = MAX_DOCUMENT,
    files_from: FilesFromOpt = None,
    threads: ThreadsOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Count documents, words, bytes and tokens, in this order, like wc.

    tokit wc text/ -t tok
    """
    from tokit.runtime.threads import set_threads

    set_threads(threads)
    from tokit.ops.wc import count_sources

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
        report = count_sources(text, tokenizer, tick=tick)
    warn_of_broken_text(report.skipped, report.replaced)
    if as_json:
        render.as_json(report)
        return
    _print(report)


def _print(report: WcReport) -> None:
    rows = [*report.sources, report.total] if len(report.sources) > 1 else list(report.sources)
    width = max(PIPE_WIDTH if report.piped else 1, *[len(str(number)) for number in _numbers(report.total)])
    for row in rows:
        line = " ".join(str(number).rjust(width) for number in _numbers(row))
        sys.stdout.write(line + (f" {row.name}" if row.name is not None else "") + "\n")


def _numbers(count: SourceCount) -> list[int]:
    tokens = [] if count.tokens is None else [count.tokens]
    return [count.documents, count.words, count.bytes, *tokens]
