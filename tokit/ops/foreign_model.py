"""Language models that transformers or sentence-transformers saved, as `tokit inspect` describes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokit.errors import TokitError
from tokit.lm.folder.config import CONFIG, MODULES, longest_document, pooling_of, read_config
from tokit.tokenizer.load import load_tokenizer

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
PICKLED = ".bin"
SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")


def foreign_language_model(folder: Path) -> tuple[str, dict[str, Any]] | None:
    """Kind and facts of a folder with a configuration and weights; None for another one, such as a tokenizer alone.

    Raises:
        ArtifactError: the configuration is damaged.
    """
    weights = sorted(file for pattern in WEIGHTS for file in folder.glob(pattern))
    if not (folder / CONFIG).is_file() or not weights:
        return None
    config = read_config(folder)
    if config.get("model_type") is None:
        return None
    classes = config.get("architectures") or []
    library = "sentence-transformers" if (folder / MODULES).is_file() else "transformers"
    labels = config.get("id2label")
    facts = {
        "library": library,
        "class": ", ".join(map(str, classes)),
        "model_type": config["model_type"],
        **{name: config[name] for name in SIZES if isinstance(config.get(name), int)},
        "context_length": longest_document(folder),
        "pooling": ", ".join(pooling_of(folder).steps) if library == "sentence-transformers" else None,
        "labels": list(labels.values()) if isinstance(labels, dict) and _has_head(classes) else None,
        "unreadable_weights": _unreadable(weights),
        "tokenizer": _tokenizer(folder),
        "files": {file.name: file.stat().st_size for file in weights},
    }
    return f"{library} model", facts


def _has_head(classes: list[Any]) -> bool:
    return any("Classification" in str(name) for name in classes)


def _unreadable(weights: list[Path]) -> str | None:
    """Why tokit does not load the weights."""
    if any(file.suffix != PICKLED for file in weights):
        return None
    return "a pickle, which could run code: load it in transformers, and save it as safetensors"


def _tokenizer(folder: Path) -> dict[str, Any] | str:
    try:
        tokenizer = load_tokenizer(folder)
    except TokitError as error:
        return error.message
    names = tokenizer.pieces.names
    return {
        "family": tokenizer.family,
        "vocab_size": tokenizer.vocab_size,
        "special_tokens": {role: names[i] for role, i in tokenizer.special_ids.items()},
        "sha256": tokenizer.sha256,
    }
