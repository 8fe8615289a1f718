"""Corpora that have a name: text that comes with tokit or with an installed package.

`corpora/index.toml` says where they lie; nothing is imported to find them.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tokit.errors import CorpusError, UsageError
from tokit.registry import did_you_mean


@dataclass(frozen=True, slots=True)
class BundledCorpus:
    """One entry of the index.

    Attributes:
        name: What stands after the `@`.
        description: One line.
        licence: Who may use it for what, as far as its source says.
        source: Where the text comes from.
        kind: "corpus", or "evaluation" for word pairs and questions that are not running text.
        package: The package that carries it; None when tokit does.
        path: File or folder; None when the package is not installed.
        format: Its reader; None to go by the extension.
        unit: What a document is; None for a line.
    """

    name: str
    description: str
    licence: str
    source: str
    kind: str
    package: str | None
    path: Path | None
    format: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class BundledFiles:
    """A named corpus on this machine."""

    path: Path
    format: str | None
    unit: str | None


def list_bundled() -> list[BundledCorpus]:
    """Every named corpus, in the order of the index."""
    return [_entry(name, table) for name, table in _index().items()]


def find_bundled(given: str) -> BundledFiles:
    """Where `@name` or `@name/part` lies.

    Raises:
        UsageError: no such name, or it is an evaluation set.
        CorpusError: the package that carries it is not installed.
    """
    name, _, part = given.removeprefix("@").partition("/")
    index = _index()
    if name not in index:
        raise UsageError(f"unknown corpus '@{name}'", hint=_unknown_hint(name, index))
    entry = _entry(name, index[name])
    if entry.kind == "evaluation":
        raise UsageError(f"'@{name}' is an evaluation set, not running text", hint="tokit inspect @ lists the texts")
    if entry.path is None:
        raise CorpusError(
            f"'@{name}' comes with {entry.package}, which lacks it here", hint=f"pip install {entry.package}"
        )
    return BundledFiles(_part(entry.path, part, given) if part else entry.path, entry.format, entry.unit)


def _unknown_hint(name: str, index: dict[str, dict[str, Any]]) -> str:
    corpora = [each for each, table in index.items() if table.get("kind") != "evaluation"]
    return did_you_mean(f"@{name}", [f"@{each}" for each in corpora])


def _part(folder: Path, part: str, given: str) -> Path:
    parts = {path.stem: path for path in sorted(folder.glob("*.txt"))} if folder.is_dir() else {}
    stem = part.removesuffix(".txt")
    if stem not in parts:
        raise UsageError(
            f"'{given}' names no part of that corpus", hint=did_you_mean(stem, list(parts)) if parts else ""
        )
    return parts[stem]


@cache
def _index() -> dict[str, dict[str, Any]]:
    with (corpora_folder() / "index.toml").open("rb") as file:
        return tomllib.load(file)


def corpora_folder() -> Path:
    """Where the bundled corpora lie: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "_corpora"
    return inside if inside.is_dir() else package.parent / "corpora"


def _entry(name: str, table: dict[str, Any]) -> BundledCorpus:
    package = table.get("package")
    folder = corpora_folder() if package is None else _package_folder(package)
    path = None if folder is None else folder / table["path"]
    return BundledCorpus(
        name=name,
        description=table["description"],
        licence=table["licence"],
        source=table["source"],
        kind=table.get("kind", "corpus"),
        package=package,
        path=path if path is not None and path.exists() else None,
        format=table.get("format"),
        unit=table.get("unit"),
    )


def _package_folder(package: str) -> Path | None:
    spec = find_spec(package)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent
