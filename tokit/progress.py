"""Progress callbacks: library code calls them, the command line draws a bar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of a running job.

    Attributes:
        stage: Name of the work: "counting", "merging".
        done: Amount done, in `unit`.
        total: Amount in all, or None where that is unknown.
        unit: "bytes", "merges", "tokens".
        note: Shown beside it, such as a loss.
    """

    stage: str
    done: int
    total: int | None = None
    unit: str = ""
    note: str = ""


Tick: TypeAlias = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """A callback that shows nothing."""
