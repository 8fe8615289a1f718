"""Progress bar on a terminal: what is done, the time elapsed, and the time left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from tokit.cli.formatting import human, human_bytes
from tokit.progress import Progress, Tick

# Seconds without a report after which a time left is no longer known: kernels are compiled, or a library is at work.
STALE = 4.0


class TimeLeftColumn(TimeRemainingColumn):
    """The time left, unknown while nothing moves."""

    def render(self, task: Any) -> Text:
        """See the base."""
        if task.get_time() - task.fields["reported"] > STALE:
            return Text("-:--:--", style="progress.remaining")
        return super().render(task)


@contextmanager
def progress_bar() -> Iterator[Tick]:
    """A callback that draws a bar for each stage on standard error."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[amount]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("elapsed"),
        TimeLeftColumn(),
        TextColumn("left"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def tick(report: Progress) -> None:
            now = bar.get_time()
            if report.stage not in tasks:
                tasks[report.stage] = bar.add_task(report.stage, total=report.total, amount="", reported=now)
            bar.update(
                tasks[report.stage],
                completed=report.done,
                total=report.total,
                amount=_amount(report),
                reported=now,
            )

        yield tick


def _amount(report: Progress) -> str:
    size = f"{human_bytes(report.done)} read" if report.unit == "bytes" else f"{human(report.done)} {report.unit}"
    return f"{size} {report.note}".rstrip()
