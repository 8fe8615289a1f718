"""Entry of a manifest for initial weights that came from an earlier training."""

from __future__ import annotations

from dataclasses import dataclass

# Sources of a warm start.
CHECKPOINT, EMBEDDING = "checkpoint", "embedding"


@dataclass(frozen=True, kw_only=True)
class WarmStartFacts:
    """Initial weights of a training that came from an earlier one.

    Attributes:
        source: "embedding" for vectors of a static embedding, "checkpoint" for a whole model.
        family: Of the source; None when it does not say.
        matched: How rows were matched with tokens: "id" or "text".
        initialized: Number of tokens with a row of the source; None for all.
        documents: Number of documents that the counts of the source are of.
        resized: "projected" or "padded" vectors of another dimension; empty for vectors of the same one.
        missing: Names of parameters that the source lacks: they were initialized at random.
        files: sha256 of the source's files, by name.
    """

    source: str
    family: str | None = None
    matched: str = "id"
    initialized: int | None = None
    documents: int = 0
    resized: str = ""
    missing: tuple[str, ...] = ()
    files: dict[str, str]
