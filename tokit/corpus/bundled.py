"""Bundled corpora: text under a name such as `@lee`, which comes with tokit or with an installed package.

`corpora/index.toml` says where they lie; no package is imported to find them.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tokit.errors import MissingPackageError, UsageError
from tokit.registry import did_you_mean


@dataclass(frozen=True, slots=True)
class BundledCorpus:
    """One entry of the index.

    Attributes:
        name: Its name, without the `@`.
        description: One line.
        license: Terms of use, as far as its source states them.
        source: Origin of the text.
        kind: "corpus", or "evaluation" for word pairs and questions that are not running text.
        package: The package that carries it; None when tokit does.
        path: File or folder; None when the package does not hold it or is not installed.
        format: Name of its reader; None to go by the extension.
        unit: Document boundary; None for a line.
    """

    name: str
    description: str
    license: str
    source: str
    kind: str
    package: str | None
    path: Path | None
    format: str | None = None
    unit: str | None = None

    @property
    def summary(self) -> str:
        """The description, and the package that is missing."""
        return self.description if self.path is not None else f"{self.description} (not here: it needs {self.package})"


@dataclass(frozen=True, slots=True)
class BundledFiles:
    """Files of a bundled corpus on this machine, and how they are read."""

    path: Path
    format: str | None
    unit: str | None


def list_bundled() -> list[BundledCorpus]:
    """List the bundled corpora, in the order of the index."""
    return [_entry(name, table) for name, table in _index().items()]


def find_bundled(reference: str) -> BundledFiles:
    """Find the files of `@name` or `@name/part`.

    Raises:
        UsageError: no such name, or it is an evaluation set.
        MissingPackageError: the package that carries it is not installed.
    """
    name, _, part = reference.removeprefix("@").partition("/")
    index = _index()
    if name not in index:
        raise UsageError(f"unknown corpus '@{name}'", hint=_unknown_hint(name, index))
    entry = _entry(name, index[name])
    if entry.kind == "evaluation":
        raise UsageError(f"'@{name}' is an evaluation set, not running text", hint="tokit inspect @ lists the texts")
    path = bundled_path(entry, f"@{name}")
    return BundledFiles(_part(path, part, reference) if part else path, entry.format, entry.unit)


def bundled_path(entry: BundledCorpus, shown: str) -> Path:
    """The path of an entry of the index.

    Args:
        entry: The entry.
        shown: What the user calls it.

    Raises:
        MissingPackageError: the package that carries it is not installed, or does not hold it.
    """
    if entry.path is not None:
        return entry.path
    reason = "is not installed" if _package_folder(entry.package or "") is None else "does not hold it here"
    present = [f"@{other.name}" for other in list_bundled() if other.path is not None and other.kind == entry.kind]
    instead = f"use {', '.join(present)} or a file of your own" if present else "give a file of your own"
    raise MissingPackageError(
        f"'{shown}' comes with {entry.package}, which {reason}", hint=f"pip install {entry.package}, or {instead}"
    )


def _unknown_hint(name: str, index: dict[str, dict[str, Any]]) -> str:
    corpora = [f"@{known}" for known, table in index.items() if table.get("kind") != "evaluation"]
    return did_you_mean(f"@{name}", corpora)


def _part(folder: Path, part: str, reference: str) -> Path:
    parts = {path.stem: path for path in sorted(folder.glob("*.txt"))} if folder.is_dir() else {}
    stem = part.removesuffix(".txt")
    if stem not in parts:
        raise UsageError(
            f"'{reference}' names no part of that corpus", hint=did_you_mean(stem, list(parts)) if parts else ""
        )
    return parts[stem]


@cache
def _index() -> dict[str, dict[str, Any]]:
    with (corpora_folder() / "index.toml").open("rb") as file:
        return tomllib.load(file)


def corpora_folder() -> Path:
    """The folder of the bundled corpora: inside the package in a wheel, beside it in a checkout."""
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
        license=table["license"],
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
