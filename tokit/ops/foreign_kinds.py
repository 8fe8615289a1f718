"""Kinds of folders of other libraries, for `tokit inspect`: a detector for each, asked in this order.

A detector returns the name of the kind and facts about the folder, or None. A new kind is one function and one line.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from tokit.ops.foreign_model import foreign_language_model

Found: TypeAlias = tuple[str, dict[str, Any]]


def foreign_kind(path: Path) -> Found | None:
    """The kind of a folder of another library, and facts about it; None where it is none of those.

    Raises:
        TokitError: it is of a known kind, and damaged.
    """
    if not path.is_dir():
        return None
    return next((found for detector in DETECTORS if (found := detector(path)) is not None), None)


def _static_embedding(folder: Path) -> Found | None:
    from tokit.embedding.library_embedding import open_library_embedding
    from tokit.embedding.static_folder import KINDS, find_static_folder

    found = find_static_folder(folder)
    if found is None:
        return None
    embedding = open_library_embedding(folder)
    return KINDS[found.library], {
        "library": found.library,
        "vocab_size": len(embedding.vectors),
        "dim": embedding.vectors.shape[1],
        "dtype": found.dtype,
        "normalize": found.normalize,
        "max_length": found.max_length,
        "unknown_id": embedding.unknown_id,
        "files": {file.name: file.stat().st_size for file in (found.weights, found.tokenizer)},
    }


DETECTORS: tuple[Callable[[Path], Found | None], ...] = (_static_embedding, foreign_language_model)
