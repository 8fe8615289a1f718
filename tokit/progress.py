"""How long work tells how far it is: a callback that library code calls and the command line draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of a running job.

    Attributes:
        stage: What is being done: "counting", "merging".
        done: How much is done, in `unit`.
        total: How much there is, or None when nobody knows.
        unit: "bytes", "merges", "tokens".
        note: More to show beside it, such as a loss.
    """

    stage: str
    done: int
    total: int | None = None
    unit: str = ""
    note: str = ""


Tick: TypeAlias = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """A callback that shows nothing."""
