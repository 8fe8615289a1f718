"""Numbers and texts as reports show them."""

from __future__ import annotations

# A leading space is part of most pieces, and distinguishes " art" from the end of "part".
VISIBLE = str.maketrans({" ": "␣", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"})


def visible(text: str) -> str:
    """A piece's text with its white space shown: `␣king`."""
    return text.translate(VISIBLE)


def percent(fraction: float, digits: int = 2) -> str:
    """0.1234 → "12.34 %"."""
    return f"{100 * fraction:.{digits}f} %"


def counted(number: int, noun: str) -> str:
    """A number of things: "1 head", "4 heads"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


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
