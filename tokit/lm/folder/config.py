"""Settings beside a model's weights: its configuration, context length and pooling.

The files are those of transformers and sentence-transformers. Needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tokit.arrays import FloatArray
from tokit.errors import ArtifactError
from tokit.storage.folder import read_json

CONFIG, TOKENIZER_CONFIG = "config.json", "tokenizer_config.json"
SENTENCE_CONFIG, MODULES = "sentence_bert_config.json", "modules.json"
# Number of positions in a configuration; the second name is GPT-2's.
POSITIONS = ("max_position_embeddings", "n_positions")
DEFAULT_POSITIONS = 512
# Model types whose first position is the padding id plus one, so that the positions before it hold no token.
COUNTED_FROM_PADDING = frozenset({
    "camembert", "data2vec-text", "esm", "ibert", "lilt", "longformer", "luke", "markuplm", "mpnet", "roberta",
    "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod",
})  # fmt: skip
# Their padding id by default.
DEFAULT_PADDING = 1
MEAN, FIRST, NORMALIZE = "mean", "cls", "normalize"
# Pooling in older files of sentence-transformers.
OLD_MODES = {
    "pooling_mode_cls_token": FIRST,
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": MEAN,
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
# Modules that are the model itself, or that do nothing at inference.
NO_STEPS = ("Transformer", "Dropout")


@dataclass(frozen=True, slots=True)
class Pooling:
    """Pooling of token vectors into the vector of a document.

    Attributes:
        steps: In order: "mean", or "cls" for the first token's vector; then perhaps "normalize", to length one. Any
            other step is unsupported, see `check`.
        asked_by: The folder with these settings.
    """

    steps: tuple[str, ...] = (MEAN,)
    asked_by: str = ""

    def check(self) -> None:
        """Refuse unsupported steps.

        Raises:
            ArtifactError: a step is unsupported.
        """
        first, *rest = self.steps
        if first not in (MEAN, FIRST) or set(rest) - {NORMALIZE}:
            raise ArtifactError(
                f"{self.asked_by}: unsupported pooling: {', '.join(self.steps)}",
                hint=f"tokit supports {MEAN} or {FIRST}, and {NORMALIZE}; tokit embed --tokens needs no pooling",
            )

    def of(self, rows: FloatArray) -> FloatArray:
        """Vector of a document from its token vectors, shape (tokens, dim), at least one."""
        vector: FloatArray = rows[0] if self.steps[0] == FIRST else rows.mean(axis=0, dtype=np.float32)
        if NORMALIZE in self.steps:
            vector = vector / np.maximum(np.linalg.norm(vector), np.float32(1e-12))
        return vector


MEANS = Pooling()


def read_config(folder: str | Path) -> dict[str, Any]:
    """The configuration of a model: its `config.json`.

    Raises:
        ArtifactError: it is missing, damaged, or not a JSON object.
    """
    return _read_object(Path(folder) / CONFIG)


def longest_document(folder: Path) -> int:
    """Context length of a model that tokit did not train.

    As in sentence-transformers, its own setting takes precedence over the tokenizer's; but it is never larger than the
    number of positions.

    Raises:
        ArtifactError: a file is damaged.
    """
    setting = _setting(folder / SENTENCE_CONFIG, "max_seq_length")
    setting = setting or _setting(folder / TOKENIZER_CONFIG, "model_max_length")
    # Tokenizers without a limit have 10^30.
    return min(length for length in (setting, positions(read_config(folder))) if length is not None)


def positions(config: dict[str, Any]) -> int:
    """Number of tokens that a configuration of transformers has positions for."""
    count = next((number for name in POSITIONS if (number := _count(config.get(name)))), DEFAULT_POSITIONS)
    if config.get("model_type") not in COUNTED_FROM_PADDING:
        return count
    padding = config.get("pad_token_id")
    return max(count - 1 - (padding if isinstance(padding, int) else DEFAULT_PADDING), 1)


def pooling_of(folder: Path) -> Pooling:
    """Pooling by the settings of sentence-transformers; the mean without any.

    Raises:
        ArtifactError: a file is missing or damaged.
    """
    if not (folder / MODULES).is_file():
        return MEANS
    modules = read_json(folder / MODULES)
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise ArtifactError(f"{folder / MODULES}: not a list of modules", hint="if the file is damaged, get it again")
    steps = [step for module in modules if (step := _step(folder, module))]
    return Pooling(tuple(steps) or (MEAN,), str(folder))


def _step(folder: Path, module: dict[str, Any]) -> str | None:
    """Pooling step of a module, by the name of its class, which has moved between packages of sentence-transformers."""
    kind = str(module.get("type")).rpartition(".")[2]
    if kind == "Pooling":
        return _mode(_read_object(folder / str(module.get("path")) / CONFIG))
    if kind == "Normalize":
        return NORMALIZE
    return None if kind in NO_STEPS else kind


def _mode(settings: dict[str, Any]) -> str:
    """Name of a pooling; several that are concatenated are joined by "+"."""
    mode = settings.get("pooling_mode")
    if mode is None:
        mode = [name for key, name in OLD_MODES.items() if settings.get(key)] or [MEAN]
    return "+".join(map(str, mode)) if isinstance(mode, list) else str(mode)


def _setting(path: Path, name: str) -> int | None:
    return _count(_read_object(path).get(name)) if path.is_file() else None


def _count(value: Any) -> int | None:
    """A number of tokens; None for any other value, such as -1, which means no limit."""
    return int(value) if isinstance(value, (int, float)) and value >= 1 else None


def _read_object(path: Path) -> dict[str, Any]:
    found = read_json(path)
    if not isinstance(found, dict):
        raise ArtifactError(f"{path}: not a JSON object", hint="if the file is damaged, get it again")
    return found
