"""Heat maps of matrices: colored cells on a terminal, five characters on a pipe."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from tokit.cli.output import Output

if TYPE_CHECKING:
    from rich.text import Text

    from tokit.arrays import FloatArray

SHADES = " ░▒▓█"
HIDDEN = "·"
WIDTH_OF_A_PIPE = 100
LONGEST_LABEL, GAP = 16, 2
# From lowest to highest, as red, green and blue; a terminal with few colors shows the nearest ones.
RAMP = ((24, 26, 32), (78, 52, 112), (186, 74, 92), (244, 150, 80), (252, 232, 164))
HIDDEN_COLOR = (52, 54, 58)


@dataclass(frozen=True, slots=True)
class Panel:
    """A matrix with a title; NaN is shown as hidden."""

    title: str
    values: FloatArray


@dataclass(frozen=True, slots=True)
class Scale:
    """A mapping from numbers to shades.

    Attributes:
        low: Number of the lightest shade.
        high: Number of the darkest shade.
        root: Shades grow with the square root of the distance from `low`, which separates small numbers.
    """

    low: float
    high: float
    root: bool

    def fraction(self, value: float) -> float:
        """Shade of a value, 0 to 1."""
        fraction = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        fraction = min(max(fraction, 0.0), 1.0)
        return float(fraction**0.5) if self.root else fraction

    def legend(self) -> str:
        """The lowest number of each shade."""
        powers = [(k / len(SHADES)) ** (2 if self.root else 1) for k in range(1, len(SHADES))]
        bounds = [self.low + power * (self.high - self.low) for power in powers]
        return "  ".join(f"{sign} from {bound:.2g}" for sign, bound in zip(SHADES[1:], bounds, strict=True))


class HeatMap:
    """Panels with the same rows and columns, side by side as far as the width allows.

    Args:
        labels: Labels of the rows, and of the columns.
        panels: Matrices of shape (labels, labels).
        scale: One scale for all panels.
    """

    def __init__(self, labels: Sequence[str], panels: Sequence[Panel], scale: Scale) -> None:
        self._panels = panels
        self._scale = scale
        self._colored = _colored()
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDTH_OF_A_PIPE
        labels = [f"{number:>{len(str(len(labels)))}} {label}" for number, label in enumerate(labels, 1)]
        self._margin = min(max(map(len, labels)), LONGEST_LABEL) + 1
        room = max(width - self._margin, 2)
        # As wide as the numbers over the columns, with a space between them, where there is room.
        wide = len(str(len(labels))) + 1
        self._cell = next((cell for cell in (wide, 2) if cell * len(labels) <= room), 1)
        self.shown = min(len(labels), room // self._cell)
        self._labels = labels[: self.shown]
        self._across = max((room + GAP) // (self._panel_width + GAP), 1)

    @property
    def _panel_width(self) -> int:
        return max(self._cell * self.shown, *(len(panel.title) for panel in self._panels))

    def show(self, output: Output) -> None:
        """Write all of it to standard output."""
        firsts = [*range(0, len(self._panels), self._across), len(self._panels)]
        for first, last in pairwise(firsts):
            if first:
                sys.stdout.write("\n")
            self._write_row(self._panels[first:last])
        low, high = self._scale.low, self._scale.high
        output.note(f"{low:.2g} to {high:.2g}" if self._colored else self._scale.legend())

    def _write_row(self, panels: Sequence[Panel]) -> None:
        from rich.text import Text

        gap = " " * GAP
        numbers = "".join(str(k)[-self._cell :].rjust(self._cell) for k in range(1, self.shown + 1))
        for heads in ([panel.title for panel in panels], [numbers] * len(panels)):
            joined = gap.join(head.ljust(self._panel_width) for head in heads)
            sys.stdout.write(f"{'':{self._margin}}{joined}".rstrip() + "\n")
        for row, label in enumerate(self._labels):
            line = Text(label[: self._margin - 1].ljust(self._margin))
            for number, panel in enumerate(panels):
                line.append(gap if number else "")
                self._append_cells(line, panel.values[row, : self.shown].tolist())
                line.append(" " * (self._panel_width - self._cell * self.shown) if panel is not panels[-1] else "")
            self._write(line)

    def _append_cells(self, line: Text, values: Sequence[float]) -> None:
        for value in values:
            hidden = value != value  # noqa: PLR0124 - only NaN is unlike itself
            if self._colored:
                line.append(" " * self._cell, _style(HIDDEN_COLOR if hidden else _ramp(self._scale.fraction(value))))
            else:
                level = min(int(self._scale.fraction(value) * len(SHADES)), len(SHADES) - 1) if not hidden else 0
                line.append((HIDDEN if hidden else SHADES[level]) * self._cell)

    def _write(self, line: Text) -> None:
        if not self._colored:
            sys.stdout.write(line.plain.rstrip() + "\n")
            return
        from rich.console import Console

        Console(file=sys.stdout, markup=False, emoji=False, highlight=False, soft_wrap=True).print(line)


def _colored() -> bool:
    """Check that standard output is a terminal with colors, and NO_COLOR is not set."""
    if not sys.stdout.isatty():
        return False
    from rich.console import Console

    drawn = Console(file=sys.stdout)
    return not drawn.no_color and drawn.color_system is not None


def _ramp(fraction: float) -> tuple[int, int, int]:
    at = fraction * (len(RAMP) - 1)
    low = min(int(at), len(RAMP) - 2)
    red, green, blue = (round(a + (b - a) * (at - low)) for a, b in zip(RAMP[low], RAMP[low + 1], strict=True))
    return red, green, blue


def _style(color: tuple[int, int, int]) -> str:
    return f"on rgb({color[0]},{color[1]},{color[2]})"
