"""Forms of tokenizer.json that the library no longer reads: merges as text, with a space in a token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokit.errors import ArtifactError
from tokit.tokenizer.formats.merges import split_merges


def mended(source: bytes, path: Path) -> bytes | None:
    """The content of a tokenizer.json in today's form; None if its form is not the reason why it cannot be read.

    Raises:
        ArtifactError: it is another kind of JSON that is known, or a merge cannot be split.
    """
    spec = _parsed(source)
    if not isinstance(spec, dict):
        return None
    if spec and all(isinstance(i, int) for i in spec.values()):
        raise ArtifactError(
            f"{path}: a vocabulary alone (token → id), which does not say how text is split",
            hint="give the tokenizer.json of its model; as vocab.json it needs merges.txt beside it",
        )
    model = spec.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("vocab"), dict):
        return None
    merges = model.get("merges")
    if not isinstance(merges, list) or not all(isinstance(merge, str) for merge in merges):
        return None
    return json.dumps({**spec, "model": {**model, "merges": split_merges(merges, model["vocab"], path)}}).encode()


def _parsed(source: bytes) -> Any:
    try:
        return json.loads(source)
    except ValueError:
        return None
