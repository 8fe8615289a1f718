"""`tokit wc`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tokit.cli.corpus_options import CorpusOptions, takes_corpus
from tokit.cli.options import ThreadsOpt, set_up, writes_output
from tokit.cli.output import Output, warn_of_bad_text
from tokit.errors import ArtifactError

if TYPE_CHECKING:
    from tokit.ops.wc import SourceCount, WcReport

CountTokenizerOpt = Annotated[
    str | None,
    typer.Option(
        "-t",
        "--tokenizer",
        metavar="TOK",
        help="Count tokens too: a tokenizer folder, or a file of another tool.",
        show_default=False,
    ),
]
# GNU wc's, where the size of a source is not known before.
PIPE_WIDTH = 7


@takes_corpus
@writes_output
def wc(
    *, corpus: CorpusOptions, tokenizer: CountTokenizerOpt = None, threads: ThreadsOpt = None, output: Output
) -> None:
    """Count documents, words, bytes and tokens, in this order, like wc.

    $ tokit wc text/ -t tok
    """
    set_up(threads)
    from tokit.ops.wc import count_sources

    with output.progress() as tick:
        report = count_sources(corpus.open(), tokenizer, tick=tick)
    warn_of_bad_text(report)
    output.result(report, lambda: _print(report))
    if report.failure:
        raise ArtifactError(report.failure, hint="the tokens are not counted, all else is")


def _print(report: WcReport) -> None:
    rows = [*report.sources, report.total] if len(report.sources) > 1 else list(report.sources)
    width = max(PIPE_WIDTH if report.piped else 1, *[len(str(number)) for number in _numbers(report.total)])
    for row in rows:
        line = " ".join(str(number).rjust(width) for number in _numbers(row))
        sys.stdout.write(line + (f" {row.name}" if row.name is not None else "") + "\n")


def _numbers(count: SourceCount) -> list[int]:
    tokens = [] if count.tokens is None else [count.tokens]
    return [count.documents, count.words, count.bytes, *tokens]
