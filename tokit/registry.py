"""Lazy registries: tables from a name to code, which is imported when it is looked up.

Listing the names imports nothing.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Generic, TypeVar, cast

from tokit.errors import UsageError

T = TypeVar("T")


def near_names(name: str | Path) -> str:
    """Hint with similarly named files of its folder, or a question about the path when there are none."""
    folder = Path(name).parent
    try:
        present = os.listdir(folder)  # noqa: PTH208 (names are wanted, not paths)
    except OSError:
        present = []
    near = difflib.get_close_matches(Path(name).name, present, n=3)
    return f"similar names: {', '.join(str(folder / other) for other in near)}" if near else "is the path right?"


def did_you_mean(name: str, known: list[str]) -> str:
    """Hint for a mistyped name: the nearest known one, or all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"


class Registry(Generic[T]):
    """A table from name to "module:attribute".

    Args:
        kind: Noun for the names in messages: "tokenizer", "reader".
        table: name → "module:attribute".
    """

    def __init__(self, kind: str, table: Mapping[str, str]) -> None:
        self.kind = kind
        self._table = dict(table)

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __contains__(self, name: object) -> bool:
        return name in self._table

    def summary(self, name: str) -> str:
        """First sentence of the docstring of the module of `name`, read without importing the module."""
        module = self._table[name].partition(":")[0]
        spec = find_spec(module)
        text = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
        docstring = text.partition('"""')[2].partition('"""')[0]
        return " ".join(docstring.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")

    def get(self, name: str) -> T:
        """Import and return the object under a name.

        Raises:
            UsageError: the name is not in the table; the hint holds the nearest one.
        """
        if name not in self._table:
            raise UsageError(f"unknown {self.kind} '{name}'", hint=did_you_mean(name, list(self._table)))
        module, _, attribute = self._table[name].partition(":")
        return cast(T, getattr(import_module(module), attribute))
