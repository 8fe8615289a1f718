"""Manifests of format version 1 (tokit 0.1 before its release), in the entries of version 2."""

from __future__ import annotations

from typing import Any

# Old name → new name of an entry, by kind.
RENAMED = {
    "tokenizer": {"rules": "pipeline"},
    "counts": {"rules": "pipeline"},
}


def from_format_1(entries: dict[str, Any]) -> dict[str, Any]:
    """Entries of a manifest of version 1 as version 2 has them."""
    renamed = RENAMED.get(entries["kind"], {})
    return {renamed.get(name, name): value for name, value in entries.items()}
