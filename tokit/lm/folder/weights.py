"""Models of transformers out of a folder: the one way in which their weights are read.

Nothing that is pickled is read, no code of the folder is run, and no part of the model is at random but its head.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

from tokit.errors import ArtifactError

WEIGHTS = "*.safetensors"
POOLER = "pooler"


def open_config(folder: Path) -> Any:
    """The configuration of a model of transformers.

    Raises:
        ArtifactError: there is none, or it is damaged.
    """
    try:
        return transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # transformers raises whatever its parts raise
        raise ArtifactError(
            f"{folder}: no model of transformers: {_first_line(error)}", hint="is the path right?"
        ) from error


def load_weights(folder: Path, kind: Any, config: Any, *, new_head: bool = False) -> tuple[Any, tuple[str, ...]]:
    """A model in float32, and the names of the parameters that the folder does not have.

    Args:
        folder: With weights in safetensors.
        kind: One of transformers' `AutoModel…`.
        config: The configuration, changed or not.
        new_head: A head that the folder has in another shape begins at random; else it is an error.

    Raises:
        ArtifactError: no weights, damaged ones, or those of another model.
    """
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if not list(folder.glob(WEIGHTS)):
        raise ArtifactError(f"{folder}: no weights in safetensors", hint="load the model in transformers, and save it")
    try:
        model, said = kind.from_pretrained(
            folder, config=config, local_files_only=True, use_safetensors=True, dtype=torch.float32,
            output_loading_info=True, ignore_mismatched_sizes=True, trust_remote_code=False,
        )  # fmt: skip
    except Exception as error:  # transformers raises whatever its parts raise
        raise ArtifactError(
            f"{folder}: its weights cannot be loaded: {_first_line(error)}", hint="damaged? make it again"
        ) from error
    missing, others = set(said["missing_keys"]), {name for name, *_ in said["mismatched_keys"]}
    _refuse(folder, "its weights lack", [name for name in missing if in_body(model, name)])
    wrong = [name for name in others if not of_pooler(name) and (in_body(model, name) or not new_head)]
    _refuse(folder, "its config.json gives another shape to", wrong)
    return model, tuple(sorted(missing | others))


def in_body(model: Any, name: str) -> bool:
    """Whether a parameter is of the model under the head, and not of its pooler."""
    below = model.base_model is model or name.startswith(f"{model.base_model_prefix}.")
    return below and not of_pooler(name)


def of_pooler(name: str) -> bool:
    """Whether a parameter is of the part on top that gives no token its vector, and that many folders are without."""
    return POOLER in name.split(".")


def _refuse(folder: Path, why: str, names: list[str]) -> None:
    if names:
        first, more = min(names), len(names) - 1
        others = f" and {more:,} more" if more else ""
        raise ArtifactError(
            f"{folder}: {why} {first}{others}", hint="are config.json and the weights of the same model?"
        )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
