"""Loading of transformers models: the only place that reads their weights.

Pickles are not read, no code of the folder is run, and no part of the model but its head is randomly initialized.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
import transformers

from tokit.errors import ArtifactError
from tokit.lm.folder.config_bounds import WEIGHTS, check_config, check_parameters
from tokit.storage.stranger_files import CODE_SETTINGS

POOLER = "pooler"
# Entries that may name a repository of compiled code, which transformers would load.
IMPLEMENTATIONS = ("_attn_implementation", "_experts_implementation")


def open_config(folder: Path) -> Any:
    """The configuration of a transformers model, without what names code: it is not run, and not passed on.

    Raises:
        ArtifactError: there is none, or it is damaged.
    """
    check_config(folder)
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # errors of transformers have no common class
        raise ArtifactError(
            f"{folder}: not a transformers model: {_first_line(error)}", hint="is the path right?"
        ) from error
    remove_code(config)
    return config


def remove_code(config: Any) -> None:
    """Remove the entries of a configuration, and of those inside it, that name code."""
    for name in CODE_SETTINGS:
        if name in vars(config):
            delattr(config, name)
    for name in IMPLEMENTATIONS:
        if hasattr(config, name):
            setattr(config, name, None)
    for name in getattr(config, "sub_configs", ()):
        inner = getattr(config, name, None)
        if inner is not None:
            remove_code(inner)


def load_weights(folder: Path, kind: Any, config: Any, *, new_head: bool = False) -> tuple[Any, tuple[str, ...]]:
    """Load a model in float32, and list the parameters that the folder lacks.

    Args:
        folder: A folder with weights in safetensors.
        kind: One of transformers' `AutoModel…` classes.
        config: The configuration, perhaps modified.
        new_head: Whether a head of another shape in the folder is replaced by a random one; else it is an error.

    Raises:
        ArtifactError: there are no weights, they are damaged, or they belong to another model.
    """
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if not list(folder.glob(WEIGHTS)):
        raise ArtifactError(f"{folder}: no weights in safetensors", hint="load the model in transformers, and save it")
    check_parameters(folder, _parameters(folder, kind, config))
    try:
        model, loading = kind.from_pretrained(
            folder, config=config, local_files_only=True, use_safetensors=True, dtype=torch.float32,
            output_loading_info=True, ignore_mismatched_sizes=True, trust_remote_code=False,
        )  # fmt: skip
    except Exception as error:  # errors of transformers have no common class
        raise ArtifactError(
            f"{folder}: its weights cannot be loaded: {_first_line(error)}", hint="if they are damaged, get them again"
        ) from error
    if getattr(model, "generation_config", None) is not None:
        remove_code(model.generation_config)
    missing, mismatched = set(loading["missing_keys"]), {name for name, *_ in loading["mismatched_keys"]}
    _refuse(folder, "its weights lack", [name for name in missing if in_body(model, name)])
    wrong = [name for name in mismatched if not of_pooler(name) and (in_body(model, name) or not new_head)]
    _refuse(folder, "its config.json gives another shape to", wrong)
    return model, tuple(sorted(missing | mismatched))


def _parameters(folder: Path, kind: Any, config: Any) -> int:
    """Number of parameters of the model that a configuration describes; none of them is allocated.

    Raises:
        ArtifactError: there is no such model.
    """
    try:
        with torch.device("meta"):
            model = kind.from_config(copy.deepcopy(config))
    except Exception as error:  # errors of transformers have no common class
        raise ArtifactError(f"{folder}: no model can be made of its config.json: {_first_line(error)}") from error
    return sum(parameter.numel() for parameter in model.parameters())


def in_body(model: Any, name: str) -> bool:
    """True for a parameter of the base model, but not of its pooler."""
    below = model.base_model is model or name.startswith(f"{model.base_model_prefix}.")
    return below and not of_pooler(name)


def of_pooler(name: str) -> bool:
    """True for a parameter of the pooler, which no token vector depends on and which many folders lack."""
    return POOLER in name.split(".")


def _refuse(folder: Path, why: str, names: list[str]) -> None:
    if names:
        first, more = min(names), len(names) - 1
        rest = f" and {more:,} more" if more else ""
        raise ArtifactError(f"{folder}: {why} {first}{rest}", hint="are config.json and the weights of the same model?")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
