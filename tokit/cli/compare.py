"""`tokit compare`."""

from __future__ import annotations

import csv
import shutil
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokit.cli import completion
from tokit.cli.corpus_options import CorpusOptions, takes_corpus_option
from tokit.cli.formatting import human_bytes
from tokit.cli.options import ThreadsOpt, set_up, writes_output
from tokit.cli.output import Output, table, warn, warn_of_bad_text
from tokit.errors import ArtifactError, UsageError

if TYPE_CHECKING:
    from tokit.evaluation.metric import Metric, Style, Value
    from tokit.ops.compare import ComparedTokenizer, CompareReport

TokenizersArg = Annotated[
    list[str] | None,
    typer.Argument(metavar="TOK", help="Tokenizer folders, or files of other tools.", show_default=False),
]
WordsOpt = Annotated[
    str,
    typer.Option(
        "--words",
        metavar="RULE",
        help="Definition of a word: whitespace or letters; see --explain.",
        autocompletion=completion.words("whitespace", "letters"),
    ),
]
ExplainOpt = Annotated[
    bool, typer.Option("--explain", help="Print the definition of each column; without TOK only that.")
]
CsvOpt = Annotated[bool, typer.Option("--csv", help="Print comma-separated values with a header.")]

# Metrics that look good where many words are one unknown token, and the fraction of tokens from which that is said.
FLATTERED, MANY_UNKNOWN = ("tokens", "bytes_per_token", "fertility"), 0.01
# The columns before the metrics.
FIRST_COLUMNS = (
    ("name", "tokenizer", "the end of its path, long enough to be unique"),
    ("family", "family", "the type of its model"),
    ("vocab_size", "vocab", "the largest id plus one, special tokens included"),
)


@takes_corpus_option
@writes_output
def compare(
    *,
    tokenizers: TokenizersArg = None,
    corpus: CorpusOptions,
    words: WordsOpt = "whitespace",
    explain: ExplainOpt = False,
    as_csv: CsvOpt = False,
    threads: ThreadsOpt = None,
    output: Output,
) -> None:
    """Compare tokenizers, of tokit and of other tools, on one corpus.

    $ tokit compare tok/ gpt2/vocab.json cl100k_base.tiktoken -c text/ --explain
    """
    set_up(threads)
    check_outputs(output, as_csv=as_csv)
    if explain and not tokenizers:
        _print_definitions()
        return
    from tokit.ops.compare import compare_tokenizers

    with output.progress() as tick:
        report = compare_tokenizers(corpus.open(), tokenizers or (), words=words, tick=tick)
    warn_of_bad_text(report)
    if output.as_json:
        output.result(_as_dict(report, explain=explain))
    else:
        _print_csv(report) if as_csv else _print_table(report)
        _warn_of_unknown(report)
        if explain:
            # Behind CSV they would be rows of it.
            _print_definitions(to_stderr=as_csv)
    output.note(f"on {report.documents:,} documents, {human_bytes(report.bytes)}, {report.words:,} words ({words})")
    failures = [row.failure for row in report.tokenizers if row.failure]
    if failures:
        raise ArtifactError("; ".join(failures), hint="the other tokenizers are measured")


def check_outputs(output: Output, *, as_csv: bool) -> None:
    """Refuse two formats at once.

    Raises:
        UsageError: both are asked for.
    """
    if output.as_json and as_csv:
        raise UsageError("--json and --csv exclude each other", hint="ask for one of them")


def _as_dict(report: CompareReport, *, explain: bool) -> dict[str, Any]:
    return {
        "word_rule": report.word_rule,
        "documents": report.documents,
        "bytes": report.bytes,
        "words": report.words,
        "skipped": report.skipped,
        "skip_reasons": report.skip_reasons,
        "replaced": report.replaced,
        "tokenizers": [
            {
                "name": row.name,
                "path": row.path,
                "family": row.family,
                "vocab_size": row.vocab_size,
                **row.values,
                **({"failure": row.failure} if row.failure else {}),
            }
            for row in report.tokenizers
        ],
        **({"definitions": {name: text for name, _, text in _definitions()}} if explain else {}),
    }


def _print_csv(report: CompareReport) -> None:
    from tokit.ops.compare import metrics

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*[name for name, _, _ in FIRST_COLUMNS], *[metric.name for metric in metrics()]])
    for row in report.tokenizers:
        writer.writerow([row.name, row.family, row.vocab_size, *row.values.values()])


def _print_table(report: CompareReport) -> None:
    from tokit.ops.compare import metrics

    headers = [*[heading for _, heading, _ in FIRST_COLUMNS], *[metric.heading for metric in metrics()]]
    rows = [
        [
            row.name,
            row.family or "-",
            shown(row.vocab_size, "count"),
            *[_cell(row, metric) for metric in metrics()],
        ]
        for row in report.tokenizers
    ]
    if sys.stdout.isatty() and not _fits(headers, rows):
        # A column for each tokenizer: that fits where a row for each would be folded.
        headers, *rows = (list(column) for column in zip(headers, *rows, strict=True))
        table(headers, rows, left=1)
        return
    table(headers, rows, left=2)


def _cell(row: ComparedTokenizer, metric: Metric) -> str:
    """A value, with a mark where it is good for a bad reason: an unknown token stands for a word of any length."""
    marked = metric.name in FLATTERED and (row.values["unknown_rate"] or 0) >= MANY_UNKNOWN
    return shown(row.values[metric.name], metric.style) + ("*" if marked else "")


def _warn_of_unknown(report: CompareReport) -> None:
    for row in report.tokenizers:
        rate = row.values["unknown_rate"]
        if rate and rate >= MANY_UNKNOWN:
            warn(f"{row.name}: {rate:.1%} of its tokens are unknown, so few tokens (*) say nothing good of it")


def _fits(headers: list[str], rows: list[list[str]]) -> bool:
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    return sum(widths) + 2 * len(widths) <= shutil.get_terminal_size().columns


def shown(value: Value, style: Style) -> str:
    """A value for the table; a fraction is "100.0%" or "0.0%" only when it is exactly that."""
    if value is None:
        return "-"
    if style == "count":
        return f"{value:,}"
    if style == "fraction":
        if 0 < value < 0.0005:
            return "<0.1%"
        return ">99.9%" if 0.9995 <= value < 1 else f"{value:.1%}"
    return f"{value:.2f}" if style == "speed" else f"{value:.3f}"


def _definitions() -> list[tuple[str, str, str]]:
    """(name, heading, definition) of each column, and of each word rule."""
    from tokit.ops.compare import metrics, word_definitions

    return [
        *FIRST_COLUMNS,
        *[(metric.name, metric.heading, metric.definition) for metric in metrics()],
        *[
            (f"words_{name}", f"word ({name})", f"--words {name}: {definition}")
            for name, definition in word_definitions().items()
        ],
    ]


def _print_definitions(*, to_stderr: bool = False) -> None:
    stream = sys.stderr if to_stderr else sys.stdout
    for _, heading, text in _definitions():
        stream.write(f"{heading}: {text}\n")
