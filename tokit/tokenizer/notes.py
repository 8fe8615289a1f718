"""Notes on opened tokenizers: what was assumed where a foreign file does not say it.

`load_tokenizer` passes the notes of each tokenizer on, once, to the listener of the program; a library user reads
`Tokenizer.notes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

_listeners: list[Callable[[str], None]] = []
_announced: set[str] = set()


def listen(notice: Callable[[str], None]) -> None:
    """Have `notice` called with each note of a tokenizer that is opened; it replaces an earlier one."""
    _listeners[:] = [notice]
    _announced.clear()


def announce(path: str | Path, notes: Sequence[str]) -> None:
    """Pass the notes on the tokenizer of a path to the listener, unless it has them already."""
    for note in notes:
        sentence = f"{path}: {note}"
        if sentence not in _announced:
            _announced.add(sentence)
            for notice in _listeners:
                notice(sentence)
