"""Head of a fine-tuned model, by its configuration. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokit.corpus.labeled import PAIRS
from tokit.errors import ArtifactError, UsageError
from tokit.lm import OWN_TYPES
from tokit.lm.contextual_embedder import is_language_model, refuse_missing
from tokit.lm.folder.config import CONFIG, read_config
from tokit.storage.folder import kind_of, read_manifest
from tokit.storage.model_manifests import LanguageModelManifest, OnnxManifest

# Endings of transformers' classes with a head that `tokit predict` runs.
SEQUENCE, TOKEN = "ForSequenceClassification", "ForTokenClassification"
FINETUNE_HINT = "tokit finetune examples.tsv -m {} -o NEW trains one"


def head_of(folder: Path) -> str:
    """Kind of a model's head: `SEQUENCE` or `TOKEN`.

    Raises:
        ArtifactError: the folder holds no language model, or one without such a head.
        UsageError: it is a model in ONNX.
    """
    refuse_missing(folder)
    if not is_language_model(folder):
        raise ArtifactError(f"{folder} holds no language model", hint=FINETUNE_HINT.format("MODEL"))
    if kind_of(folder) == OnnxManifest.kind:
        raise UsageError(
            f"{folder} is an ONNX model, which has no head for a task", hint="give the model it was exported from"
        )
    config = read_config(folder)
    name = _class_name(config)
    for head in (SEQUENCE, TOKEN):
        if name.endswith(head):
            return head
    own = OWN_TYPES.get(str(config.get("model_type")))
    what = own or name or f"{CONFIG} names no class"
    hint = "use a fine-tuned bert, modernbert or llama" if own else FINETUNE_HINT.format(folder)
    raise ArtifactError(f"{folder}: a model without a head for labels or tags ({what})", hint=hint)


def takes_pairs(folder: Path) -> bool:
    """True for a model that tokit fine-tuned on pairs of texts."""
    if kind_of(folder) is None:
        return False
    manifest = read_manifest(folder)
    return isinstance(manifest, LanguageModelManifest) and manifest.task is not None and manifest.task.name == PAIRS


def _class_name(config: dict[str, Any]) -> str:
    names = config.get("architectures")
    return str(names[0]) if isinstance(names, list) and names else ""
