"""`tokit predict`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tokit.cli import completion
from tokit.cli.corpus_options import CorpusOptions, takes_corpus
from tokit.cli.options import ModelOpt, ThreadsOpt, set_up, writes_output
from tokit.cli.output import Output, warn, warn_of_bad_text
from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokit.ops.predict import PredictReport

TopOpt = Annotated[
    str | None,
    typer.Option(
        "--top",
        metavar="N|all",
        help="The N best labels of a document, or all of them.",
        show_default="the best one",
        autocompletion=completion.words("all"),
    ),
]
AggregateOpt = Annotated[
    str | None,
    typer.Option(
        "--aggregate",
        metavar="NAME",
        help="Entities in place of a tag for each word, as transformers groups tokens: none, simple, first, average"
        " or max.",
        show_default=False,
        autocompletion=completion.words("none", "simple", "first", "average", "max"),
    ),
]
PairsOpt = Annotated[
    bool | None,
    typer.Option(
        "--pairs/--no-pairs",
        help="A document is two texts: a line with a tab between them, or a record.",
        show_default="as the model was fine-tuned",
    ),
]
SecondOpt = Annotated[
    str | None,
    typer.Option(
        "--second", metavar="NAME", help="Field of the second text of a pair, in records.", show_default="text2"
    ),
]


@takes_corpus
@writes_output
def predict(
    *,
    corpus: CorpusOptions,
    model: ModelOpt,
    top: TopOpt = None,
    aggregate: AggregateOpt = None,
    pairs: PairsOpt = None,
    second: SecondOpt = None,
    threads: ThreadsOpt = None,
    output: Output,
) -> None:
    """Predict labels, scores or tags of documents with a fine-tuned model, as JSON lines.

    $ echo "a good film" | tokit predict -m reviews
    $ tokit predict news.txt -m entities --aggregate simple
    """
    set_up(threads)
    if output.as_json:
        hint = "leave --json out"
        raise UsageError("standard output holds the predictions, so there is no place for --json", hint=hint)
    from tokit.ops.predict import PredictOptions
    from tokit.ops.predict import predict as predict_corpus

    options = PredictOptions(top=top, aggregate=aggregate, pairs=pairs, second=second)
    with output.progress(shown=not sys.stdout.isatty()) as tick:
        report = predict_corpus(corpus.open(keep_records=True), model, sys.stdout.buffer, options, tick=tick)
    warn_of(report)


def warn_of(report: PredictReport) -> None:
    """Warn of documents whose prediction is of less than all of them."""
    warn_of_bad_text(report)
    if report.truncated:
        warn(f"documents longer than the model takes, which were truncated: {report.truncated:,}")
    if report.parted:
        warn(f"documents longer than the model takes, which were predicted in parts: {report.parted:,}")
    if report.empty:
        warn(f"empty documents, which have no prediction: {report.empty:,}")
    for name in report.replaced_fields:
        warn(f"the records have a field '{name}', in whose place the prediction stands")
