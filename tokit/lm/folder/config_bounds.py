"""Bounds on the sizes in a config.json, which decide how large a model is built before its weights are looked at.

A model of 10^8 layers would be built for hours, and a table of 10^12 positions be allocated. The weights that lie
beside the configuration bound both: a layer has a tensor at least, and a size is no larger than their bytes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokit.errors import ArtifactError
from tokit.lm.folder.config import CONFIG, read_config
from tokit.storage.stranger_files import open_regular

WEIGHTS = "*.safetensors"
HINT = "are config.json and the weights of the same model, and whole?"
# Number of modules, or of anything that is made one by one.
COUNTS = re.compile(r"(layers?|blocks?|groups?|experts|stages)$")
SIZES = re.compile(
    r"(_size|heads?|_dim|positions?|_embeddings|_embd|_inner|_ctx|buckets|channels|d_model|d_ff|labels)$"
)
# Of these some configurations have -1 or 0, which then mean no limit.
UNSIGNED = re.compile(r"(layers?|heads?|hidden_size|vocab_size|intermediate_size|_embd|d_model|_labels)$")
LABELS = "num_labels"
# Models share the weights of layers, and give rotary positions without a table: these are always allowed.
MODULES, LARGEST, MOST_LABELS = 1000, 1 << 25, 1 << 20
# Weights may be packed: the number of parameters for each byte.
PACKED = 2
SPARE_PARAMETERS = 1 << 24


def check_config(folder: Path) -> None:
    """Refuse a configuration with a size that its weights cannot have.

    Raises:
        ArtifactError: see above; or a file is missing or damaged.
    """
    modules = max(MODULES, sum(map(_tensors, folder.glob(WEIGHTS))))
    largest = max(LARGEST, PACKED * _bytes(folder))
    for name, value in _numbers(read_config(folder)):
        limit = MOST_LABELS if name == LABELS else modules if COUNTS.search(name) else largest
        least = 0 if UNSIGNED.search(name) else -math.inf
        if not least <= value <= limit:
            raise ArtifactError(f"{folder / CONFIG}: {name} is {value:,}, which its weights cannot have", hint=HINT)


def check_parameters(folder: Path, parameters: int) -> None:
    """Refuse a model that has far more parameters than its weights.

    Args:
        folder: The folder of the weights.
        parameters: Of the model that its configuration describes.

    Raises:
        ArtifactError: see above.
    """
    size = _bytes(folder)
    if parameters > PACKED * size + SPARE_PARAMETERS:
        raise ArtifactError(
            f"{folder / CONFIG}: a model of {parameters:,} parameters, for {size:,} bytes of weights", hint=HINT
        )


def _numbers(config: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """The sizes of a configuration, and of those inside it."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _numbers(value)
        elif type(value) in (int, float) and (COUNTS.search(name) or SIZES.search(name)):
            yield name, value


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob(WEIGHTS))


def _tensors(path: Path) -> int:
    """Number of tensors of a file; 0 of a damaged one, which is said when it is loaded."""
    with open_regular(path) as file:
        size = int.from_bytes(file.read(8), "little")
        try:
            return len(json.loads(file.read(size))) if size <= path.stat().st_size else 0
        except (ValueError, TypeError, RecursionError):
            return 0
