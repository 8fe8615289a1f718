"""Warm starts: input embeddings from static vectors, or a whole checkpoint in place of random weights."""

from __future__ import annotations

from collections.abc import Sequence
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
from tokit.lm.folder.config_bounds import WEIGHTS
from tokit.lm.folder.weights import load_weights, open_config
from tokit.lm.pretrain_params import PretrainParams, Shape
from tokit.lm.train.freeze import freeze
from tokit.storage.folder import sha256_file

# Row number of a token without a row.
NONE = -1
# Names of dropout probabilities in the configurations of transformers.
DROPOUTS = (
    "hidden_dropout_prob", "attention_probs_dropout_prob", "attention_dropout", "embedding_dropout", "mlp_dropout",
    "classifier_dropout",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Vectors:
    """Vectors for the input embeddings.

    Attributes:
        rows: Zeros for tokens without a vector; shape (vocab, dim).
        known: Tokens with a vector; shape (vocab,).
    """

    rows: FloatArray
    known: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded model with the head of its pre-training.

    Attributes:
        model: With the head.
        fresh: Parameters that the folder lacks; they are randomly initialized.
        shape: Number of layers, hidden size, number of heads.
        positions: Largest number of tokens of a document.
        files: sha256 of the configuration and the weights, by file name.
    """

    model: Model
    fresh: tuple[str, ...]
    shape: Shape
    positions: int
    files: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmStart:
    """Initial weights of a training, and its frozen layers.

    Attributes:
        checkpoint: The model to continue from; None for a new one.
        rows: Row of the checkpoint's embeddings for each token, `NONE` for a random row. None keeps the embeddings.
        token_ids: Special tokens under their names in the checkpoint's configuration; used together with `rows`.
        vectors: Input embeddings of a new model.
        freeze: Names of layers that are not trained.
    """

    checkpoint: Checkpoint | None = None
    rows: IntArray | None = None
    token_ids: dict[str, int | None] = field(default_factory=dict)
    vectors: Vectors | None = None
    freeze: tuple[str, ...] = ()

    def apply(self, model: Model) -> None:
        """Put rows or vectors into the checkpoint's model or a new one, and freeze its layers."""
        if self.rows is not None:
            reorder_tokens(model, self.rows, self.token_ids)
        if self.vectors is not None:
            table = model.get_input_embeddings().weight.data
            table.copy_(torch.from_numpy(placed(table.numpy(), self.vectors)))
        freeze(model, self.freeze)


def open_checkpoint(folder: Path, family: type[LanguageModelFamily], *, dropout: float, seed: int) -> Checkpoint:
    """Load a model to continue training, tokit's own or another's.

    Args:
        folder: A folder of transformers, with weights in safetensors.
        family: The family that it must belong to.
        dropout: Dropout probability.
        seed: Seed of a head that the folder lacks.

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
    """Load a model that is not a class of transformers."""
    model_type = str(read_config(folder).get("model_type"))
    if OWN_TYPES.get(model_type) != family.name:
        raise UsageError(
            f"{folder} holds a model of type '{model_type}', not '{family.name}'",
            hint=f"give a folder of {family.name}",
        )
    model = family.load(folder)
    model.config.dropout = dropout
    shape = Shape(model.config.num_hidden_layers, model.config.direction_size, 1)
    return Checkpoint(model, (), shape, model.config.max_position_embeddings, weight_files(folder))


def weight_files(folder: Path) -> dict[str, str]:
    """The sha256 of a model's configuration and weights, by name."""
    return {path.name: sha256_file(path) for path in (folder / CONFIG, *sorted(folder.glob(WEIGHTS)))}


def set_dropout(config: Any, probability: float) -> None:
    """Set every dropout probability that a configuration has."""
    for name in DROPOUTS:
        if hasattr(config, name):
            setattr(config, name, probability)


def check_frozen(
    family: type[LanguageModelFamily],
    vocab_size: int,
    special: dict[str, int],
    shape: Shape,
    params: PretrainParams,
    *,
    patterns: Sequence[str],
) -> None:
    """Check names of layers on a model without memory, before any text is read.

    Raises:
        UsageError: see `freeze`.
    """
    with torch.device("meta"):
        freeze(family.build(family.config(vocab_size, special, shape, params)), patterns)


def configured_ids(
    family: type[LanguageModelFamily], vocab_size: int, special: dict[str, int], shape: Shape
) -> dict[str, int | None]:
    """Ids of special tokens under their names in a family's configuration."""
    config = family.config(vocab_size, special, shape, family.Params())
    return {name: getattr(config, name, None) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}


def reorder_tokens(model: Model, rows: IntArray, token_ids: dict[str, int | None]) -> None:
    """Give a model another vocabulary.

    Args:
        model: Its input embeddings and head are changed in place.
        rows: Row of the old embeddings for each new token; NONE is a random row with a bias of 0.
        token_ids: Special tokens for the configuration.
    """
    head = model.get_output_embeddings()
    tables = {id(weight): weight for weight in (model.get_input_embeddings().weight, head.weight)}
    old = {key: weight.detach().clone() for key, weight in tables.items()}
    bias = None if head.bias is None else head.bias.detach().clone()
    tied = len(tables) == 1
    model.resize_token_embeddings(len(rows), mean_resizing=False)
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    deviation = float(getattr(model.config, "initializer_range", 0.02))
    befores = list(old.values())
    with torch.no_grad():
        for weight, before in zip((table.weight,) if tied else (table.weight, head.weight), befores, strict=True):
            weight.copy_(_reordered(before, rows, torch.empty_like(weight).normal_(0, deviation)))
        if bias is not None:
            head.bias.copy_(_reordered(bias, rows, torch.zeros(len(rows))))
    for name, i in token_ids.items():
        setattr(model.config, name, i)
    table.padding_idx = token_ids.get("pad_token_id")


def _reordered(before: Tensor, rows: IntArray, fresh: Tensor) -> Tensor:
    known = torch.from_numpy(rows != NONE)
    fresh[known] = before[torch.from_numpy(rows[rows != NONE])]
    return fresh


def placed(table: FloatArray, vectors: Vectors) -> FloatArray:
    """Replace rows of an embedding matrix by vectors of another dimension and scale.

    Vectors of a larger dimension are projected onto their principal components; with a smaller one, the other
    dimensions keep their random values. One factor for all vectors gives them the mean norm of the rows that they
    replace, so that the norms of frequent and rare tokens keep their proportions.

    Args:
        table: Randomly initialized embeddings; shape (vocab, hidden).
        vectors: The vectors to put in.
    """
    dim = min(table.shape[1], vectors.rows.shape[1])
    rows = principal(vectors.rows[vectors.known], dim)
    before = table[vectors.known, :dim]
    scale = _mean_norm(before) / max(_mean_norm(rows), 1e-12)
    filled = table.copy()
    filled[np.flatnonzero(vectors.known), :dim] = rows * np.float32(scale)
    return filled


def principal(rows: FloatArray, dim: int) -> FloatArray:
    """Project rows onto their first principal components; unchanged if their dimension is no larger than that."""
    if rows.shape[1] <= dim:
        return rows
    centered, axes, _ = principal_axes(rows, dim)
    projected: FloatArray = (centered @ axes).astype(np.float32)
    return projected


def _mean_norm(rows: FloatArray) -> float:
    lengths = np.linalg.norm(rows, axis=1)
    return float(lengths[lengths > 0].mean()) if lengths.any() else 0.0
