"""A document of `report` as a table for people."""

from __future__ import annotations

import statistics
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.session import REFERENCES, WHOLE

COLUMNS = ("median s", "MB/s", "time / tokit's", "peak MB")
NOTHING = "-"


def print_table(document: dict[str, Any], console: Console) -> None:
    """The table, what its rows mean, what is peculiar about a peer."""
    console.print(_table(document))
    for row, meaning in document["meaning"].items():
        if any(line["row"] == row for line in document["rows"]):
            console.print(f"{row}: {meaning}.", highlight=False)
    console.print(
        f"time / tokit's: within each round, per byte; the median of {document['rounds']} rounds. "
        "same as: items of the whole process's result that differ, of how many; merges in place, and absent anywhere.",
        highlight=False,
    )
    console.print(
        f"peak MB: of the process; below {document['bench_peak_bytes'] / 1e6:.0f}, the bench's own, it cannot be seen.",
        highlight=False,
    )
    for peer, note in document["notes"].items():
        console.print(f"{peer}: {note}.", highlight=False, markup=False)
    for remark in document["remarks"]:
        console.print(f"{remark}.", highlight=False)
    if document["not_installed"]:
        console.print(f"not installed: {', '.join(document['not_installed'])}", highlight=False)


def _table(document: dict[str, Any]) -> Table:
    machine, corpus = document["machine"], document["corpus"]
    title = f"{document['job']}: {corpus['name']}, {corpus['bytes'] / 1e6:.1f} MB; {machine['processor']}"
    table = Table(title=f"{title}, {document['threads'] or machine['cores']} threads", title_justify="left")
    references = [name for name in REFERENCES if any(name in found for found in document["identity"].values())]
    for name in ("row", "peer"):
        table.add_column(name, no_wrap=True)
    for name in (*COLUMNS, *(f"same as {reference}" for reference in references)):
        table.add_column(name, justify="right")
    before = ""
    for line in document["rows"]:
        if before and line["row"] != before:
            table.add_section()
        name = line["row"] if line["row"] != before else ""
        before = line["row"]
        table.add_row(name, _peer(line), *_cells(line, document, references))
    return table


def _peer(line: dict[str, Any]) -> str:
    part = f" (first {line['bytes'] / 1e6:.3g} MB)" if line["part"] else ""
    return f"{line['peer']}{part}"


def _cells(line: dict[str, Any], document: dict[str, Any], references: list[str]) -> list[str]:
    found = document["identity"].get(line["peer"], {}) if line["row"] == WHOLE else {}
    same = [_same(found[reference]) if reference in found else NOTHING for reference in references]
    if line["error"]:
        return [f"[red]{line['error'][:60]}[/red]", *[NOTHING] * (len(COLUMNS) - 1), *same]
    numbers = (
        _number(line["median_seconds"], ".3f"),
        _number(line["mb_per_second"], ".1f"),
        _number(line["ratio"], ".2f"),
        _number(statistics.median(line["peak_bytes"]) / 1e6, ".0f"),
    )
    return [*numbers, *same]


def _number(value: float | None, form: str) -> str:
    return NOTHING if value is None else format(value, form)


def _same(difference: dict[str, Any]) -> str:
    if "error" in difference:
        return str(difference["error"])[:40]
    beyond = f" ({difference['beyond']:+,})" if difference["beyond"] else ""
    absent = (
        f", {difference['absent']:,} absent" if difference["differing"] and difference["absent"] is not None else ""
    )
    return f"{difference['differing']:,} of {difference['of']:,} {difference['item']}{absent}{beyond}"
