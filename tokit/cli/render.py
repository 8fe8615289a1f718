"""How reports look: JSON for programs, aligned text or a table for people."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any


def as_json(report: Any) -> None:
    """A report dataclass (or dict) as one JSON object on standard output."""
    value = dataclasses.asdict(report) if dataclasses.is_dataclass(report) and not isinstance(report, type) else report
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1, to_stderr: bool = False) -> None:
    """Rows in columns: drawn on a terminal, plain and aligned on a pipe.

    Args:
        headers: One a column.
        rows: Texts; Rich markup in them is not read.
        left: So many first columns are aligned left, the others right.
        to_stderr: It tells about the run rather than being its data.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    if stream.isatty():
        _draw(headers, rows, left, stream)
        return
    widths = [max(len(str(row[i])) for row in (headers, *rows)) for i in range(len(headers))]
    for row in (headers, *rows):
        cells = [
            str(cell).ljust(width) if i < left else str(cell).rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        stream.write("  ".join(cells).rstrip() + "\n")


def _draw(headers: Sequence[str], rows: Sequence[Sequence[str]], left: int, stream: Any) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for i, header in enumerate(headers):
        drawn.add_column(Text(header), justify="left" if i < left else "right", overflow="fold")
    for row in rows:
        drawn.add_row(*[Text(str(cell)) for cell in row])
    # Emoji and markup stay off: a token may well be "[/b]" or ":cat:".
    Console(file=stream, markup=False, emoji=False, highlight=False).print(drawn)


def parameters(params: type[Any]) -> None:
    """What `--set` takes: the fields of a parameter dataclass."""
    from tokit.params import describe

    table(("parameter", "type", "default", "meaning"), describe(params), left=4)


def percent(share: float, digits: int = 2) -> str:
    """0.1234 → "12.34 %"."""
    return f"{100 * share:.{digits}f} %"


def count(number: int) -> str:
    """1234567 → "1,234,567"."""
    return f"{number:,}"
