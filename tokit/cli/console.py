"""Progress and messages on standard error; progress only where a person looks on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tokit.progress import Progress, Tick, silent


def warn(message: str) -> None:
    """A warning line."""
    print(f"warning: {message}", file=sys.stderr)  # noqa: T201


def note(message: str, *, quiet: bool = False) -> None:
    """A line about the run."""
    if not quiet:
        print(message, file=sys.stderr)  # noqa: T201


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Tick]:
    """A callback that draws progress while the block runs; on a pipe it draws nothing."""
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[amount]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, int] = {}

        def tick(report: Progress) -> None:
            if report.stage not in tasks:
                tasks[report.stage] = bar.add_task(report.stage, total=report.total, amount="")
            size = (
                f"{human_bytes(report.done)} read" if report.unit == "bytes" else f"{human(report.done)} {report.unit}"
            )
            amount = f"{size} {report.note}".rstrip()
            bar.update(tasks[report.stage], completed=report.done, total=report.total, amount=amount)  # type: ignore[arg-type]

        yield tick


def counted(number: int, what: str) -> str:
    """A number of things: "1 head", "4 heads"."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def human(number: float) -> str:
    """12345678 → "12.3 M", 12 → "12"."""
    return _scaled(number).rstrip()


def human_bytes(number: float) -> str:
    """12345678 → "12.3 MB", 12 → "12 B"."""
    return f"{_scaled(number)}B"


def _scaled(number: float) -> str:
    for sign in ("", "k", "M", "G"):
        if abs(number) < 1000:
            return f"{number:.1f} {sign}" if sign else f"{number:.0f} "
        number /= 1000
    return f"{number:.1f} T"
