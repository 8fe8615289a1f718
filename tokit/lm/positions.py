"""`tokit export --to positions`: how a language model tells positions apart, as arrays. Needs no torch."""

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
from tokit.storage.files import check_file, writing_file

SINUSOIDAL, LEARNED, ROTARY, ALIBI = "sinusoidal", "learned", "rotary", "alibi"
KINDS = (SINUSOIDAL, LEARNED, ROTARY, ALIBI)
ENDINGS = (".npz", ".npy")
# Types of transformers whose files do not show it.
OF_TYPE = {"bloom": ALIBI, "mpt": ALIBI, "marian": SINUSOIDAL}
# What a table of positions is called in bert and its like, in gpt2, in opt.
TABLES = ("position_embeddings.weight", "wpe.weight", "embed_positions.weight")
# The same thing is called differently from model to model.
LENGTH = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
COLUMNS = ("hidden_size", "d_model", "n_embd", "dim")
HEADS = ("num_attention_heads", "n_head", "n_heads", "encoder_attention_heads")
# Kinds of layers with wavelengths of their own, and what their bases were called before transformers 5.
BASES_BEFORE = {"full_attention": "global_rope_theta", "sliding_attention": "local_rope_theta"}


@dataclass(frozen=True, slots=True)
class PositionsReport:
    """What exporting positions gave.

    Attributes:
        path: The file.
        kind: Of positions.
        own: It is the model's own kind.
        arrays: The shape of each.
        settings: Numbers of the model that went in.
        bytes: Of the file.
    """

    path: str
    kind: str
    own: bool
    arrays: dict[str, tuple[int, ...]]
    settings: dict[str, float]
    bytes: int


@dataclass(frozen=True)
class ModelFolder:
    """What a model's folder says about it.

    Attributes:
        path: The folder.
        config: Its config.json.
        length: Positions that are asked for; None: as many as the model has.
    """

    path: Path
    config: Mapping[str, Any]
    length: int | None

    def number(self, names: tuple[str, ...], what: str) -> int:
        """A number of the config, by the first of its names that is there.

        Raises:
            UsageError: none is.
        """
        for name in names:
            if isinstance(self.config.get(name), int):
                return int(self.config[name])
        raise UsageError(f"{self.path}/config.json does not say how many {what} there are", hint="name another --kind")

    def count(self) -> int:
        """How many positions the tables have.

        Raises:
            UsageError: none were asked for, and the model does not say.
        """
        if self.length is not None:
            return self.length
        try:
            return self.number(LENGTH, "positions")
        except UsageError as error:
            raise UsageError(error.message, hint="say how many: --length 512") from error

    def table(self) -> FloatArray | None:
        """The learned table of positions, if there is one; shape (positions, columns).

        Raises:
            ArtifactError: a damaged file.
        """
        from safetensors import SafetensorError, safe_open

        try:
            for path in sorted(self.path.glob("*.safetensors")):
                with safe_open(path, framework="numpy") as file:
                    for name in file.keys():  # noqa: SIM118 - it is no dictionary
                        if name.endswith(TABLES):
                            return np.asarray(file.get_tensor(name), dtype=np.float32)
        except (SafetensorError, OSError, TypeError) as error:
            raise ArtifactError(f"{self.path}: its weights cannot be read: {error}", hint="damaged?") from error
        return None

    def bases(self) -> dict[str, dict[str, Any]]:
        """Settings of rotary positions, by kind of layer; "" when all layers have the same; empty without any."""
        given = self.config.get("rope_parameters")
        if isinstance(given, dict):
            nested = {name: dict(each) for name, each in given.items() if isinstance(each, dict)}
            return nested or {"": dict(given)}
        before = {kind: self.config[name] for kind, name in BASES_BEFORE.items() if name in self.config}
        if before:
            return {kind: {"rope_theta": theta} for kind, theta in before.items()}
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
    """Write a model's tables of positions to a file: `.npz`, or `.npy` where it is one table.

    Args:
        folder: A language model, ours or of transformers.
        out: The file; it appears whole or not at all.
        kind: "sinusoidal", "learned", "rotary" or "alibi"; None: the model's own.
        length: So many positions; None: as many as the model has.
        overwrite: Replace a file that is there.

    Raises:
        UsageError: an unknown kind, one that the model cannot have, or an ending of the file that does not fit it.
        ArtifactError: no model, a damaged one, or a file is there.
    """
    ending = Path(out).suffix
    if ending not in ENDINGS:
        raise UsageError(f"-o {out}: positions go into {' or '.join(ENDINGS)}", hint=f"-o {Path(out).stem}.npz")
    if kind is not None and kind not in KINDS:
        raise UsageError(f"unknown --kind '{kind}'", hint=did_you_mean(kind, list(KINDS)))
    if length is not None and length < 1:
        raise UsageError(f"--length {length}: not a positive number", hint="--length 512")
    check_file(out, overwrite=overwrite, kind=ending)
    model = _opened(Path(folder), length)
    own = _own_kind(model)
    asked = kind or own
    if asked is None:
        raise UsageError(f"{folder} does not tell which kind of positions it has", hint=f"--kind {' or '.join(KINDS)}")
    arrays, settings = MAKERS[asked](model)
    if ending == ".npy" and len(arrays) > 1:
        raise UsageError(f"{asked} positions are {len(arrays)} arrays", hint=f"-o {Path(out).stem}.npz")
    with writing_file(out) as file:
        if ending == ".npy":
            np.save(file, next(iter(arrays.values())), allow_pickle=False)
        else:
            np.savez(file, allow_pickle=False, **arrays)
        size = file.tell()
    shapes = {name: each.shape for name, each in arrays.items()}
    return PositionsReport(str(out), asked, asked == own, shapes, settings, size)


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
    dim = model.number(COLUMNS, "columns")
    return {"positions": sinusoidal(model.count(), dim)}, {"columns": dim}


def _learned(model: ModelFolder) -> tuple[Arrays, Settings]:
    table = model.table()
    if table is None:
        raise UsageError(f"{model.path} has no learned table of positions", hint="leave --kind out for its own")
    count = len(table) if model.length is None else model.length
    if count > len(table):
        raise UsageError(f"--length {count}: the model has learned {len(table)}", hint=f"--length {len(table)}")
    return {"positions": table[:count]}, {"columns": table.shape[1]}


def _rotary(model: ModelFolder) -> tuple[Arrays, Settings]:
    arrays: Arrays = {}
    settings: Settings = {}
    for layers, given in (model.bases() or {"": {}}).items():
        kind = given.get("rope_type", given.get("type", "default"))
        if kind != "default":
            raise UsageError(
                f"{model.path} changes its rotary positions by '{kind}', which is not the paper's formula",
                hint="transformers computes them",
            )
        theta, dim = float(given.get("rope_theta", BASE)), _head_columns(model, given)
        ending = f"_{layers}" if layers else ""
        arrays[f"cos{ending}"], arrays[f"sin{ending}"] = rotary(model.count(), dim, theta)
        settings |= {f"theta{ending}": theta, "columns": dim}
    return arrays, settings


def _head_columns(model: ModelFolder, given: Mapping[str, Any]) -> int:
    dim = model.config.get("head_dim") or model.number(COLUMNS, "columns") // model.number(HEADS, "heads")
    part = given.get("partial_rotary_factor", model.config.get("partial_rotary_factor")) or 1.0
    return int(dim * part)


def _alibi(model: ModelFolder) -> tuple[Arrays, Settings]:
    slopes = alibi_slopes(model.number(HEADS, "heads"))
    return {"slopes": slopes, "bias": alibi_bias(model.count(), slopes)}, {"heads": len(slopes)}


MAKERS: dict[str, Callable[[ModelFolder], tuple[Arrays, Settings]]] = {
    SINUSOIDAL: _sinusoidal,
    LEARNED: _learned,
    ROTARY: _rotary,
    ALIBI: _alibi,
}
