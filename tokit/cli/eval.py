"""`tokit eval`."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokit.cli import completion
from tokit.cli.compare import CsvOpt, check_outputs
from tokit.cli.options import SeedOpt, writes_output
from tokit.cli.output import Output, table, warn

if TYPE_CHECKING:
    from tokit.evaluation.bootstrap import Interval
    from tokit.evaluation.comparison import EvalRow, TaskResult
    from tokit.ops.eval import EvalReport

EmbeddingsOpt = Annotated[
    list[str] | None,
    typer.Option(
        "-e",
        "--embedding",
        metavar="EMB",
        help="Embedding folder; may be repeated. a,b,c is one row: the mean over several seeds, with its spread.",
        show_default=False,
    ),
]
TaskOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        metavar="NAME|PATH",
        help="wordsim353, simlex999, analogies, or a file of rated pairs or analogies; may be repeated.",
        show_default="the three",
        autocompletion=completion.words("wordsim353", "simlex999", "analogies"),
    ),
]
OovOpt = Annotated[
    str,
    typer.Option(
        "--oov",
        metavar="RULE",
        help="A word that is not one token: compose (mean of its n-grams, or else of its pieces, as near does), pieces"
        " (mean of its pieces), skip (omit its pair), or zero (similarity 0, a wrong answer).",
        autocompletion=completion.words("compose", "pieces", "skip", "zero"),
    ),
]
MethodOpt = Annotated[
    str,
    typer.Option(
        "--method",
        metavar="NAME",
        help="Method for analogies: 3cosadd or 3cosmul.",
        autocompletion=completion.words("3cosadd", "3cosmul"),
    ),
]
LowercaseOpt = Annotated[bool, typer.Option("--lowercase", help="Look words up in lower case.")]
ResamplesOpt = Annotated[
    int, typer.Option("--resamples", metavar="N", help="Bootstrap resamples behind the 95 % intervals.")
]

SMALLEST_SHOWN = 0.0005
COLUMNS = (
    "task", "measure", "embedding", "score", "low", "high", "spread", "items", "found", "oov", "composed",
    "difference", "difference_low", "difference_high", "difference_items", "verdict",
)  # fmt: skip


@writes_output
def evaluate(
    *,
    embeddings: EmbeddingsOpt = None,
    task: TaskOpt = None,
    oov: OovOpt = "compose",
    method: MethodOpt = "3cosadd",
    lowercase: LowercaseOpt = False,
    resamples: ResamplesOpt = 1000,
    seed: SeedOpt = 0,
    as_csv: CsvOpt = False,
    output: Output,
) -> None:
    """Evaluate embeddings by rated word pairs and analogies, side by side.

    $ tokit eval -e emb/ -e other-1/,other-2/ --task wordsim353 --task pairs.csv
    """
    check_outputs(output, as_csv=as_csv)
    from tokit.ops.eval import evaluate as evaluate_embeddings

    with output.progress() as tick:
        report = evaluate_embeddings(
            embeddings or (),
            task or (),
            oov=oov,
            method=method,
            lowercase=lowercase,
            resamples=resamples,
            seed=seed,
            tick=tick,
        )
    _warn_of_the_uncovered(report)
    for result in report.tasks:
        if result.untagged:
            output.note(f"{result.name}: its words end in a part of speech (-n, -v, -j), which is removed")
    if output.as_json:
        output.result(_as_dict(report))
        return
    _print_csv(report) if as_csv else _print_table(report)
    output.note(_legend(report))


def _legend(report: EvalReport) -> str:
    from tokit.ops.eval import FEWEST_DIFFERENT

    several = any(len(result.rows) > 1 for result in report.tasks)
    against = (
        "; differences are from the first, on what both cover, and noise has zero in its interval or fewer than "
        f"{FEWEST_DIFFERENT} items behind it"
    )
    case = ", in lower case" if report.lowercase else ""
    rule = {"compose": "composed from n-grams, or else from pieces", "pieces": "composed from pieces"}
    return (
        f"words that are no single token: {rule.get(report.oov, report.oov)}{case}; "
        f"95 % intervals of {report.resamples:,} resamples{against if several else ''}"
    )


def _warn_of_the_uncovered(report: EvalReport) -> None:
    for result in report.tasks:
        for row in result.rows:
            if not row.found:
                warn(f"{row.name}: none of the {result.items:,} items of {result.name} is covered")


def _as_dict(report: EvalReport) -> dict[str, Any]:
    import dataclasses

    value = dataclasses.asdict(report)
    for result, task in zip(report.tasks, value["tasks"], strict=True):
        for row, record in zip(result.rows, task["rows"], strict=True):
            if row.difference is not None:
                record["difference"]["verdict"] = row.difference.verdict
    return value


def _print_csv(report: EvalReport) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in report.tasks:
        for row in result.rows:
            writer.writerow([
                result.name, result.measure, row.name, row.score, *_ends(row.interval), row.spread,
                result.items, row.found, report.oov, row.composed, *_difference_fields(row),
            ])  # fmt: skip


def _ends(found: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if found is None else (found.low, found.high)


def _difference_fields(row: EvalRow) -> list[Any]:
    found = row.difference
    return [None] * 5 if found is None else [found.value, *_ends(found.interval), found.items, found.verdict]


def _print_table(report: EvalReport) -> None:
    rows = [(result, row) for result in report.tasks for row in result.rows]
    headers = ["task", "embedding", "measure", "score", "95 %", "found", "oov", "composed"]
    cells = [_cells(result, row, report.oov) for result, row in rows]
    if any(len(row.paths) > 1 for _, row in rows):
        headers.insert(5, "spread")
        for line, (_, row) in zip(cells, rows, strict=True):
            line.insert(5, "-" if row.spread is None else f"±{row.spread:.3f}")
    if any(len(result.rows) > 1 for result in report.tasks):
        headers += ["difference", "95 %", "verdict"]
        for line, (result, row) in zip(cells, rows, strict=True):
            line.extend(_difference_cells(row, first=row is result.rows[0]))
    table(headers, cells, left=3)


def _cells(result: TaskResult, row: EvalRow, oov: str) -> list[str]:
    score = "-" if row.score is None else _number(row.score)
    found = f"{row.found:,}/{result.items:,}"
    interval = _shown(row.interval, "")
    return [result.name, row.name, result.measure, score, interval, found, oov, f"{row.composed:,}"]


def _difference_cells(row: EvalRow, *, first: bool) -> list[str]:
    if row.difference is None:
        return ["", "", "first" if first else "-"]
    return [_number(row.difference.value, "+"), _shown(row.difference.interval, "+"), row.difference.verdict]


def _shown(found: Interval | None, sign: str) -> str:
    return "-" if found is None else f"{_number(found.low, sign)}..{_number(found.high, sign)}"


def _number(value: float, sign: str = "") -> str:
    """A number with three decimals, or its magnitude where they would all be zero."""
    return f"{value:{sign}.0e}" if value and abs(value) < SMALLEST_SHOWN else f"{value:{sign}.3f}"
