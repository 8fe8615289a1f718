"""Comparison of folders, as `diff -r` compares them."""

from __future__ import annotations

from pathlib import Path


def differing_files(one: Path, other: Path) -> list[str]:
    """Names of files that are in one folder only, or whose bytes differ; [] for equal folders."""
    found = [
        {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        for folder in (one, other)
    ]
    return sorted(name for name in found[0].keys() | found[1].keys() if found[0].get(name) != found[1].get(name))
