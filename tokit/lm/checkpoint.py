"""What a training begins with instead of chance: the vectors of tokens, or a whole checkpoint of transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import transformers
from torch import Tensor

from tokit.arrays import FloatArray, IntArray
from tokit.errors import UsageError
from tokit.lm import OWN_TYPES
from tokit.lm.distillation import principal_axes
from tokit.lm.families.base import LanguageModelFamily, Model
from tokit.lm.folder.config import CONFIG, read_config
from tokit.lm.folder.weights import WEIGHTS, load_weights, open_config
from tokit.lm.pretrain_params import PretrainParams, Shape
from tokit.lm.train.freeze import freeze
from tokit.storage.folder import sha256_file

# Row of a token that has none.
NONE = -1
# What the configurations of transformers call the share of numbers left out while training.
DROPOUTS = (
    "hidden_dropout_prob", "attention_probs_dropout_prob", "attention_dropout", "embedding_dropout", "mlp_dropout",
    "classifier_dropout",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Vectors:
    """Rows for the table of tokens.

    Attributes:
        rows: Zeros where there is none; shape (vocab, columns).
        given: Tokens that have one; shape (vocab,).
    """

    rows: FloatArray
    given: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model out of a folder, with the head that it is pre-trained with.

    Attributes:
        model: With the head.
        fresh: Parameters that the folder does not have, and that are at random.
        shape: Layers, columns, heads.
        positions: Tokens that it can take.
        files: sha256 of the configuration and the weights, by name.
    """

    model: Model
    fresh: tuple[str, ...]
    shape: Shape
    positions: int
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Beginning:
    """The model that a training begins with; called before the first step.

    Attributes:
        checkpoint: The model itself; None makes a new one.
        rows: Of the checkpoint's table, for each token; NONE is a row at random. None leaves the table as it is.
        token_ids: Of special tokens, in the names of the checkpoint's configuration; set when `rows` are.
        vectors: For the table of a new model.
        freeze: What stays as it is.
    """

    checkpoint: Checkpoint | None = None
    rows: IntArray | None = None
    token_ids: dict[str, int | None] = field(default_factory=dict)
    vectors: Vectors | None = None
    freeze: tuple[str, ...] = ()

    def __call__(self, fresh: Callable[[], Model]) -> Model:
        """The model: the checkpoint's, or a fresh one with what is put into it."""
        if self.checkpoint is None:
            model = fresh()
        else:
            model = self.checkpoint.model
            if self.rows is not None:
                reorder_tokens(model, self.rows, self.token_ids)
        if self.vectors is not None:
            table = model.get_input_embeddings().weight.data
            table.copy_(torch.from_numpy(placed(table.numpy(), self.vectors)))
        freeze(model, self.freeze)
        return model


def open_checkpoint(folder: Path, family: type[LanguageModelFamily], *, dropout: float, seed: int) -> Checkpoint:
    """Load a model to go on with, own or foreign.

    Args:
        folder: Of transformers, with weights in safetensors.
        family: That it has to be of.
        dropout: Share of numbers left out at random while training.
        seed: Of a head that the folder does not have.

    Raises:
        ArtifactError: the folder is damaged, or not one of a model.
        UsageError: the model is of another family.
    """
    if not family.stock:
        return _own_checkpoint(folder, family, dropout)
    config = open_config(folder)
    if config.model_type != family.name:
        raise UsageError(
            f"{folder} holds a model of type '{config.model_type}', not '{family.name}'",
            hint=f"tokit fit {config.model_type} … --from {folder}",
        )
    set_dropout(config, dropout)
    if hasattr(config, "use_cache"):
        config.use_cache = False
    kind = transformers.AutoModelForCausalLM if family.causal else transformers.AutoModelForMaskedLM
    torch.manual_seed(seed)
    model, fresh = load_weights(folder, kind, config)
    shape = Shape(config.num_hidden_layers, config.hidden_size, config.num_attention_heads)
    return Checkpoint(model, fresh, shape, int(config.max_position_embeddings), weight_files(folder))


def _own_checkpoint(folder: Path, family: type[LanguageModelFamily], dropout: float) -> Checkpoint:
    """A model that is no class of transformers'."""
    found = str(read_config(folder).get("model_type"))
    if OWN_TYPES.get(found) != family.name:
        raise UsageError(
            f"{folder} holds a model of type '{found}', not '{family.name}'", hint="give one of its family"
        )
    model = family.load(folder)
    model.config.dropout = dropout
    shape = Shape(model.config.num_hidden_layers, model.config.direction_size, 1)
    return Checkpoint(model, (), shape, model.config.max_position_embeddings, weight_files(folder))


def weight_files(folder: Path) -> dict[str, str]:
    """The sha256 of a model's configuration and weights, by name."""
    return {path.name: sha256_file(path) for path in (folder / CONFIG, *sorted(folder.glob(WEIGHTS)))}


def set_dropout(config: Any, share: float) -> None:
    """Leave out so many numbers while training, wherever a configuration can say so."""
    for name in DROPOUTS:
        if hasattr(config, name):
            setattr(config, name, share)


def check_frozen(
    family: type[LanguageModelFamily],
    vocab_size: int,
    special: dict[str, int],
    shape: Shape,
    params: PretrainParams,
    *,
    patterns: Sequence[str],
) -> None:
    """Check names of layers against a model that takes no memory, before any text is read.

    Raises:
        UsageError: see `freeze`.
    """
    with torch.device("meta"):
        freeze(family.build(family.config(vocab_size, special, shape, params)), patterns)


def configured_ids(
    family: type[LanguageModelFamily], vocab_size: int, special: dict[str, int], shape: Shape
) -> dict[str, int | None]:
    """Ids of special tokens as a family's configuration names them."""
    config = family.config(vocab_size, special, shape, family.Params())
    return {name: getattr(config, name, None) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}


def reorder_tokens(model: Model, rows: IntArray, token_ids: dict[str, int | None]) -> None:
    """Give a model another vocabulary.

    Args:
        model: Its tables are changed in place; the bias of the head, where it has one, too.
        rows: The row of the old tables for each new token; NONE is a new one at random, of bias 0.
        token_ids: Of special tokens, for the configuration.
    """
    head = model.get_output_embeddings()
    tables = {id(each): each for each in (model.get_input_embeddings().weight, head.weight)}
    old = {key: each.detach().clone() for key, each in tables.items()}
    bias = None if head.bias is None else head.bias.detach().clone()
    tied = len(tables) == 1
    model.resize_token_embeddings(len(rows), mean_resizing=False)
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    spread = float(getattr(model.config, "initializer_range", 0.02))
    befores = list(old.values())
    with torch.no_grad():
        for weight, before in zip((table.weight,) if tied else (table.weight, head.weight), befores, strict=True):
            weight.copy_(_reordered(before, rows, torch.empty_like(weight).normal_(0, spread)))
        if bias is not None:
            head.bias.copy_(_reordered(bias, rows, torch.zeros(len(rows))))
    for name, i in token_ids.items():
        setattr(model.config, name, i)
    table.padding_idx = token_ids.get("pad_token_id")


def _reordered(before: Tensor, rows: IntArray, fresh: Tensor) -> Tensor:
    there = torch.from_numpy(rows != NONE)
    fresh[there] = before[torch.from_numpy(rows[rows != NONE])]
    return fresh


def placed(table: FloatArray, vectors: Vectors) -> FloatArray:
    """A table with some rows replaced by vectors of other columns and length.

    More columns than the table has are projected onto the principal components of the vectors; of fewer, the table's
    own columns fill the rest. One factor for all vectors gives them the mean norm of the rows that they replace, in
    those columns, so that frequent and rare tokens keep the lengths they have to each other.

    Args:
        table: At random; shape (vocab, hidden).
        vectors: What goes in.
    """
    columns = min(table.shape[1], vectors.rows.shape[1])
    rows = principal(vectors.rows[vectors.given], columns)
    before = table[vectors.given, :columns]
    scale = _mean_norm(before) / max(_mean_norm(rows), 1e-12)
    filled = table.copy()
    filled[np.flatnonzero(vectors.given), :columns] = rows * np.float32(scale)
    return filled


def principal(rows: FloatArray, columns: int) -> FloatArray:
    """Rows on their first principal components; as they are when they have no more columns than that."""
    if rows.shape[1] <= columns:
        return rows
    centred, axes, _ = principal_axes(rows, columns)
    projected: FloatArray = (centred @ axes).astype(np.float32)
    return projected


def _mean_norm(rows: FloatArray) -> float:
    lengths = np.linalg.norm(rows, axis=1)
    return float(lengths[lengths > 0].mean()) if lengths.any() else 0.0
