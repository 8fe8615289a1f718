"""Standard output and standard error of a command: results, summaries, warnings and progress.

Three modes: for people, `--json` (one object on standard output, no summary) and `--quiet` (no summary, no progress).
Data go to standard output in every mode; warnings go to standard error in every mode.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tokit.errors import CorpusError
from tokit.progress import Tick, silent

if TYPE_CHECKING:
    from tokit.corpus.read_report import WasRead


def say(message: str) -> None:
    """Write a line to standard error."""
    print(message, file=sys.stderr)  # noqa: T201


def note(message: str) -> None:
    """Write a note line to standard error: what was assumed, and probably rightly."""
    say(f"note: {message}")


def warn(message: str) -> None:
    """Write a warning line to standard error."""
    say(f"warning: {message}")


def say_what_is_awaited(what: str) -> None:
    """Say that standard input is read, where that is a terminal: a forgotten corpus would look like a hung program."""
    if sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
        end = "Ctrl-Z and Enter end it" if sys.platform == "win32" else "Ctrl-D ends it"
        say(f"reading {what} from the terminal; {end}")


def require_input() -> None:
    """Refuse to read a standard input that is closed.

    Raises:
        CorpusError: it is.
    """
    if sys.stdin is None:
        raise CorpusError("standard input is closed", hint="name what is to be read, or pipe it in")


def warn_of_bad_text(text: WasRead) -> None:
    """Warn of documents and records that were left out or repaired, as `--errors` allowed it.

    Args:
        text: A corpus that was read, or the report of the job that did.
    """
    if text.skip_reasons:
        from tokit.corpus import reasons_text

        skipped = sum(text.skip_reasons.values())
        warn(f"{skipped:,} documents or records were skipped: {reasons_text(text.skip_reasons)}")
    if text.replaced:
        warn(f"{text.replaced:,} documents were not UTF-8; U+FFFD stands where bytes were broken")


def write_json(value: Any) -> None:
    """Write a report dataclass or a dict as one JSON object to standard output."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


@dataclasses.dataclass(frozen=True, slots=True)
class Output:
    """The output of one run of a command.

    Attributes:
        as_json: `--json` was given.
        quiet: `--quiet` was given.
    """

    as_json: bool = False
    quiet: bool = False

    def result(self, report: Any, show: Callable[[], None] | None = None) -> None:
        """Write the result of the command.

        Args:
            report: A dataclass or dict; the JSON object.
            show: Writes the result for people; None where the summary's notes are all there is to say.
        """
        if self.as_json:
            write_json(report)
        elif show is not None:
            show()

    def note(self, message: str) -> None:
        """Write a line of the summary to standard error; none with `--json` or `--quiet`."""
        if not self.as_json and not self.quiet:
            say(message)

    @contextmanager
    def progress(self, *, shown: bool = True) -> Iterator[Tick]:
        """A callback that draws progress on a terminal, and nothing elsewhere.

        Args:
            shown: False where data are written to the same terminal.
        """
        if self.quiet or not shown or not sys.stderr.isatty():
            yield silent
            return
        from tokit.cli.progress_bar import progress_bar

        with progress_bar() as tick:
            yield tick


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> None:
    """Write rows with aligned columns to standard output, drawn on a terminal and plain on a pipe.

    Args:
        headers: The heading of each column.
        rows: The cells; Rich markup in them is not interpreted.
        left: Number of first columns that are aligned left; the others are aligned right.
    """
    if sys.stdout.isatty():
        _draw(headers, rows, left)
        return
    widths = [max(len(str(row[i])) for row in (headers, *rows)) for i in range(len(headers))]
    for row in (headers, *rows):
        cells = [
            str(cell).ljust(width) if i < left else str(cell).rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _draw(headers: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> None:
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
    Console(file=sys.stdout, markup=False, emoji=False, highlight=False).print(drawn)
