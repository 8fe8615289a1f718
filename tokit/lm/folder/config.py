"""What the files beside a model's weights say: what it is, how long a document may be, how one is made a vector.

The files are those of transformers and of sentence-transformers. Needs no torch.
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
# Where configurations say how many positions there are; the second is GPT-2's.
POSITIONS = ("max_position_embeddings", "n_positions")
DEFAULT_POSITIONS = 512
# Types of models that count positions from the one behind the padding's id, so that these have no token.
COUNTED_FROM_PADDING = frozenset({
    "camembert", "data2vec-text", "esm", "ibert", "lilt", "longformer", "luke", "markuplm", "mpnet", "roberta",
    "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod",
})  # fmt: skip
# Padding's id where they do not say.
THEIR_PADDING = 1
MEAN, FIRST, NORMALIZE = "mean", "cls", "normalize"
# How sentence-transformers wrote a pooling before it had one name.
OLD_MODES = {
    "pooling_mode_cls_token": FIRST,
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": MEAN,
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
# Modules that are the model itself, or that do nothing when nothing is trained.
NO_STEPS = ("Transformer", "Dropout")


@dataclass(frozen=True, slots=True)
class Pooling:
    """How the vectors of a document's tokens become the document's.

    Attributes:
        steps: What is done, in order: "mean" or "cls", the first token's, then perhaps "normalize", to length one.
            Others may stand here, which cannot be done.
        asked_by: The folder that asks for them.
    """

    steps: tuple[str, ...] = (MEAN,)
    asked_by: str = ""

    def check(self) -> None:
        """Refuse steps that cannot be done.

        Raises:
            ArtifactError: there is one.
        """
        first, *others = self.steps
        if first not in (MEAN, FIRST) or set(others) - {NORMALIZE}:
            raise ArtifactError(
                f"{self.asked_by}: a document's vector is made by {', '.join(self.steps)}",
                hint=f"tokit makes it by {MEAN} or {FIRST}, and {NORMALIZE}; tokit embed --tokens needs neither",
            )

    def of(self, rows: FloatArray) -> FloatArray:
        """A document's vector; `rows` are its tokens', shape (tokens, dim), at least one."""
        vector: FloatArray = rows[0] if self.steps[0] == FIRST else rows.mean(axis=0, dtype=np.float32)
        if NORMALIZE in self.steps:
            vector = vector / np.maximum(np.linalg.norm(vector), np.float32(1e-12))
        return vector


MEANS = Pooling()


def read_config(folder: str | Path) -> dict[str, Any]:
    """The configuration of a model: its `config.json`.

    Raises:
        ArtifactError: it is missing, damaged, or no JSON object.
    """
    return _read_object(Path(folder) / CONFIG)


def longest_document(folder: Path) -> int:
    """Tokens that a model of others takes.

    As in sentence-transformers, what its own settings say goes before what the tokenizer's say; but a model never gets
    more tokens than it has positions.

    Raises:
        ArtifactError: a file is damaged.
    """
    said = _said(folder / SENTENCE_CONFIG, "max_seq_length") or _said(folder / TOKENIZER_CONFIG, "model_max_length")
    # Tokenizers without a limit say 10^30.
    return min(each for each in (said, positions(read_config(folder))) if each is not None)


def positions(config: dict[str, Any]) -> int:
    """Tokens that a configuration of transformers has positions for."""
    found = next((count for name in POSITIONS if (count := _count(config.get(name)))), DEFAULT_POSITIONS)
    if config.get("model_type") not in COUNTED_FROM_PADDING:
        return found
    padding = config.get("pad_token_id")
    return max(found - 1 - (padding if isinstance(padding, int) else THEIR_PADDING), 1)


def pooling_of(folder: Path) -> Pooling:
    """What sentence-transformers does with the vectors of tokens; the mean where there are no settings of it.

    Raises:
        ArtifactError: a file is missing or damaged.
    """
    if not (folder / MODULES).is_file():
        return MEANS
    modules = read_json(folder / MODULES)
    if not isinstance(modules, list) or not all(isinstance(each, dict) for each in modules):
        raise ArtifactError(f"{folder / MODULES}: no list of modules", hint="damaged? get it again")
    steps = [step for each in modules if (step := _step(folder, each))]
    return Pooling(tuple(steps) or (MEAN,), str(folder))


def _step(folder: Path, module: dict[str, Any]) -> str | None:
    """What a module does: its class says it, in whichever package of sentence-transformers that is."""
    kind = str(module.get("type")).rpartition(".")[2]
    if kind == "Pooling":
        return _mode(_read_object(folder / str(module.get("path")) / CONFIG))
    if kind == "Normalize":
        return NORMALIZE
    return None if kind in NO_STEPS else kind


def _mode(said: dict[str, Any]) -> str:
    """The name of a pooling; several that are put side by side are joined by "+"."""
    mode = said.get("pooling_mode")
    if mode is None:
        mode = [name for key, name in OLD_MODES.items() if said.get(key)] or [MEAN]
    return "+".join(map(str, mode)) if isinstance(mode, list) else str(mode)


def _said(path: Path, name: str) -> int | None:
    return _count(_read_object(path).get(name)) if path.is_file() else None


def _count(value: Any) -> int | None:
    """A number of tokens; None for what is none, such as -1, which stands for no limit."""
    return int(value) if isinstance(value, (int, float)) and value >= 1 else None


def _read_object(path: Path) -> dict[str, Any]:
    found = read_json(path)
    if not isinstance(found, dict):
        raise ArtifactError(f"{path}: no JSON object", hint="damaged? make it again")
    return found
