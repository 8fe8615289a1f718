"""Vectors of tokens and documents out of a model's layers, computed by torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tokit.arrays import FloatArray, IntArray
from tokit.errors import UsageError
from tokit.lm.data.length_batches import ModelEncoder
from tokit.lm.folder.model_folder import open_model

LAST_FOUR, MIX = "last4", "mix"


@dataclass(frozen=True)
class TorchEncoder(ModelEncoder):
    """A model of a folder.

    Attributes:
        model: Without its head.
        pad: The id that fills rows up.
        context: Tokens of a document that are looked at.
        layers: Which layers a token's vector is the mean of, 0 being the table of tokens; None is what the model itself
            gives: its last layer, or the mix that it learned.
    """

    model: Any
    pad: int
    context: int
    layers: tuple[int, ...] | None

    @property
    def dim(self) -> int:
        return int(self.model.config.hidden_size)

    def vectors(self, rows: IntArray, real: IntArray) -> FloatArray:
        given = {"input_ids": torch.from_numpy(rows), "attention_mask": torch.from_numpy(real)}
        with torch.no_grad():
            if self.layers is None:
                return self.model(**given).last_hidden_state.numpy()  # type: ignore[no-any-return]
            states = self.model(**given, output_hidden_states=True).hidden_states
            return torch.stack([states[layer] for layer in self.layers]).mean(dim=0).numpy()


def chosen_layers(named: str | None, count: int, *, mixes: bool = False) -> tuple[int, ...] | None:
    """The layers that `--layer` names, of a model with so many.

    Args:
        named: A number from 0, the table of tokens, to `count`, or from -1, the last one, down; `last4`; `mix`.
        count: Layers of the model.
        mixes: Whether it has learned how to mix them.

    Returns:
        None for what the model itself gives.

    Raises:
        UsageError: none of these.
    """
    if named is None or (named == MIX and mixes):
        return None
    if named == LAST_FOUR:
        return tuple(range(max(count - 3, 0), count + 1))
    try:
        number = int(named)
    except ValueError:
        number = count + 1
    if not -count - 1 <= number <= count:
        words = f"{LAST_FOUR} or {MIX}" if mixes else LAST_FOUR
        raise UsageError(f"--layer {named}: not 0 to {count}, -1 to {-count - 1} or {words}", hint="--layer -1")
    return (number if number >= 0 else count + 1 + number,)


def load_encoder(folder: Path, *, pad: int, context: int, layer: str | None, threads: int) -> TorchEncoder:
    """The model of a folder, own or of transformers.

    Raises:
        ArtifactError: its files are missing, damaged, or not of a model.
        UsageError: a layer that it does not have.
    """
    torch.set_num_threads(threads)
    model = open_model(folder)
    layers = chosen_layers(layer, int(model.config.num_hidden_layers), mixes=hasattr(model, "mix"))
    return TorchEncoder(model, pad, context, layers)
