"""Every command that runs, and every one that has help."""

from __future__ import annotations

from tokit.cli.commands import COMMANDS
from tokit.embedding import EMBEDDINGS
from tokit.lm import LANGUAGE_MODELS
from tokit.tokenizer import FAMILIES

GROUPS = ("train", "fit")
# Those with families by the name of a family.
RUNNABLE = [
    *[name for name in COMMANDS if name not in GROUPS],
    *[f"train {family}" for family in FAMILIES],
    *[f"fit {family}" for family in (*EMBEDDINGS, *LANGUAGE_MODELS)],
]
