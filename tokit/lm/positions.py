"""`tokit export --to positions`: position encodings of a language model as arrays. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tokit.arrays import FloatArray
from tokit.errors import ArtifactError, UsageError
from tokit.lm.folder.config import CONFIG, read_config
from tokit.lm.position_tables import BASE, alibi_bias, alibi_slopes, rotary, sinusoidal
from tokit.registry import did_you_mean
from tokit.storage.files import check_file, replaces, writing_file
from tokit.storage.hub_names import local_path
from tokit.storage.targets import Replaces

SINUSOIDAL, LEARNED, ROTARY, ALIBI = "sinusoidal", "learned", "rotary", "alibi"
KINDS = (SINUSOIDAL, LEARNED, ROTARY, ALIBI)
ENDINGS = (".npz", ".npy")
# Model types of transformers whose files do not show the kind of their positions.
OF_TYPE = {"bloom": ALIBI, "mpt": ALIBI, "marian": SINUSOIDAL}
# Position embeddings in bert, in gpt2 and in opt.
TABLES = ("position_embeddings.weight", "wpe.weight", "embed_positions.weight")
# Names of one setting in different models.
LENGTH = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
HIDDEN_SIZE = ("hidden_size", "d_model", "n_embd", "dim")
HEADS = ("num_attention_heads", "n_head", "n_heads", "encoder_attention_heads")
# Layer types with a base of their own, and its name before transformers 5.
OLD_BASES = {"full_attention": "global_rope_theta", "sliding_attention": "local_rope_theta"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsReport:
    """Result of exporting position encodings.

    Attributes:
        path: The file.
        kind: Kind of positions.
        own: True if the model itself has this kind.
        arrays: Shape of each array.
        settings: Settings of the model that were used.
        bytes: Size of the file.
    """

    path: str
    kind: str
    own: bool
    arrays: dict[str, tuple[int, ...]]
    settings: dict[str, float]
    bytes: int


@dataclass(frozen=True)
class ModelFolder:
    """Configuration and weights of a model.

    Attributes:
        path: The folder.
        config: Its config.json.
        length: Number of positions to export; None takes all of the model.
    """

    path: Path
    config: Mapping[str, Any]
    length: int | None

    def number(self, names: tuple[str, ...], what: str) -> int:
        """A number of the configuration, under the first of its names that it has.

        Raises:
            UsageError: it has none of them.
        """
        for name in names:
            if isinstance(self.config.get(name), int):
                return int(self.config[name])
        raise UsageError(f"{self.path}/config.json does not give the {what}", hint="choose another --kind")

    def count(self) -> int:
        """Number of positions to export.

        Raises:
            UsageError: no length is set, and the model does not give one.
        """
        if self.length is not None:
            return self.length
        try:
            return self.number(LENGTH, "number of positions")
        except UsageError as error:
            raise UsageError(error.message, hint="--length 512") from error

    def table(self) -> FloatArray | None:
        """Learned position embeddings, if there are any; shape (positions, dim).

        Raises:
            ArtifactError: a file is damaged.
        """
        from safetensors import SafetensorError, safe_open

        try:
            for path in sorted(self.path.glob("*.safetensors")):
                with safe_open(path, framework="numpy") as file:
                    for name in file.keys():  # noqa: SIM118 - it is no dictionary
                        if name.endswith(TABLES):
                            return np.asarray(file.get_tensor(name), dtype=np.float32)
        except (SafetensorError, OSError, TypeError) as error:
            raise ArtifactError(
                f"{self.path}: its weights cannot be read: {error}", hint="if the file is damaged, get it again"
            ) from error
        return None

    def bases(self) -> dict[str, dict[str, Any]]:
        """Rotary settings by layer type; under "" when all layers share them; empty without rotary positions."""
        rope = self.config.get("rope_parameters")
        if isinstance(rope, dict):
            nested = {name: dict(settings) for name, settings in rope.items() if isinstance(settings, dict)}
            return nested or {"": dict(rope)}
        bases = {kind: self.config[name] for kind, name in OLD_BASES.items() if name in self.config}
        if bases:
            return {kind: {"rope_theta": theta} for kind, theta in bases.items()}
        if "rope_theta" in self.config:
            return {"": {**(self.config.get("rope_scaling") or {}), "rope_theta": self.config["rope_theta"]}}
        return {}


Arrays = dict[str, FloatArray]
Settings = dict[str, float]


def export_positions(
    folder: str | Path,
    out: str | Path,
    *,
    kind: str | None = None,
    length: int | None = None,
    overwrite: bool = False,
) -> PositionsReport:
    """Write position encodings of a model to a file: `.npz`, or `.npy` for a single array.

    Args:
        folder: A language model of tokit or transformers.
        out: The file; it appears whole or not at all.
        kind: "sinusoidal", "learned", "rotary" or "alibi"; None takes the model's own.
        length: Number of positions; None takes all of the model.
        overwrite: Replace an existing file.

    Raises:
        UsageError: the kind is unknown or does not fit the model, or the file name has another ending.
        ArtifactError: there is no model, it is damaged, or the file exists.
    """
    ending = Path(out).suffix
    if ending not in ENDINGS:
        raise UsageError(f"-o {out}: positions go into {' or '.join(ENDINGS)}", hint=f"-o {Path(out).stem}.npz")
    if kind is not None and kind not in KINDS:
        raise UsageError(f"unknown --kind '{kind}'", hint=did_you_mean(kind, list(KINDS)))
    if length is not None and length < 1:
        raise UsageError(f"--length {length}: not a positive number", hint="--length 512")
    check_file(out, overwrite=overwrite, kind=ending)
    model = _opened(local_path(folder), length)
    own = _own_kind(model)
    chosen = kind or own
    if chosen is None:
        raise UsageError(f"{folder} does not show its kind of positions", hint=f"--kind {' or '.join(KINDS)}")
    arrays, settings = MAKERS[chosen](model)
    if ending == ".npy" and len(arrays) > 1:
        raise UsageError(f"{chosen} positions are {len(arrays)} arrays", hint=f"-o {Path(out).stem}.npz")
    size = _write_arrays(arrays, out, ending, replaces(ending, overwrite=overwrite))
    return PositionsReport(
        path=str(out),
        kind=chosen,
        own=chosen == own,
        arrays={name: array.shape for name, array in arrays.items()},
        settings=settings,
        bytes=size,
    )


def _write_arrays(arrays: dict[str, FloatArray], out: str | Path, ending: str, may_replace: Replaces) -> int:
    """Write arrays to a file; its size in bytes."""
    with writing_file(out, may_replace) as file:
        if ending == ".npy":
            np.save(file, next(iter(arrays.values())), allow_pickle=False)
        else:
            np.savez(file, allow_pickle=False, **arrays)
        return file.tell()


def _opened(folder: Path, length: int | None) -> ModelFolder:
    if not (folder / CONFIG).is_file():
        raise ArtifactError(f"{folder}: no language model there", hint="a folder with a config.json of transformers")
    return ModelFolder(folder, read_config(folder), length)


def _own_kind(model: ModelFolder) -> str | None:
    kind = OF_TYPE.get(str(model.config.get("model_type")))
    if kind is None and model.bases():
        return ROTARY
    if kind is None and model.config.get("alibi"):
        return ALIBI
    return LEARNED if kind is None and model.table() is not None else kind


def _sinusoidal(model: ModelFolder) -> tuple[Arrays, Settings]:
    dim = model.number(HIDDEN_SIZE, "hidden size")
    return {"positions": sinusoidal(model.count(), dim)}, {"dim": dim}


def _learned(model: ModelFolder) -> tuple[Arrays, Settings]:
    table = model.table()
    if table is None:
        raise UsageError(f"{model.path} has no learned position embeddings", hint="leave out --kind")
    count = len(table) if model.length is None else model.length
    if count > len(table):
        raise UsageError(
            f"--length {count}: the model has {len(table)} learned positions", hint=f"--length {len(table)}"
        )
    return {"positions": table[:count]}, {"dim": table.shape[1]}


def _rotary(model: ModelFolder) -> tuple[Arrays, Settings]:
    arrays: Arrays = {}
    settings: Settings = {}
    for layers, rope in (model.bases() or {"": {}}).items():
        kind = rope.get("rope_type", rope.get("type", "default"))
        if kind != "default":
            raise UsageError(
                f"{model.path} scales its rotary positions by '{kind}', which tokit does not compute",
                hint="take them from transformers",
            )
        theta, dim = float(rope.get("rope_theta", BASE)), _rotary_dim(model, rope)
        ending = f"_{layers}" if layers else ""
        arrays[f"cos{ending}"], arrays[f"sin{ending}"] = rotary(model.count(), dim, theta)
        settings |= {f"theta{ending}": theta, "dim": dim}
    return arrays, settings


def _rotary_dim(model: ModelFolder, rope: Mapping[str, Any]) -> int:
    dim = model.config.get("head_dim") or model.number(HIDDEN_SIZE, "hidden size") // model.number(
        HEADS, "number of heads"
    )
    fraction = rope.get("partial_rotary_factor", model.config.get("partial_rotary_factor")) or 1.0
    return int(dim * fraction)


def _alibi(model: ModelFolder) -> tuple[Arrays, Settings]:
    slopes = alibi_slopes(model.number(HEADS, "number of heads"))
    return {"slopes": slopes, "bias": alibi_bias(model.count(), slopes)}, {"heads": len(slopes)}


MAKERS: dict[str, Callable[[ModelFolder], tuple[Arrays, Settings]]] = {
    SINUSOIDAL: _sinusoidal,
    LEARNED: _learned,
    ROTARY: _rotary,
    ALIBI: _alibi,
}
