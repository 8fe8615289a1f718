"""Token vectors from the layers of a model in torch."""

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
    """A model in torch.

    Attributes:
        model: Without its head.
        pad: Padding id.
        context: Largest number of tokens of a document.
        layers: Layers whose mean is a token's vector, 0 being the input embeddings; None is the output of the model:
            its last layer, or its learned mix.
    """

    model: Any
    pad: int
    context: int
    layers: tuple[int, ...] | None

    @property
    def dim(self) -> int:
        return int(self.model.config.hidden_size)

    def vectors(self, rows: IntArray, real: IntArray) -> FloatArray:
        inputs = {"input_ids": torch.from_numpy(rows), "attention_mask": torch.from_numpy(real)}
        with torch.no_grad():
            if self.layers is None:
                return self.model(**inputs).last_hidden_state.numpy()  # type: ignore[no-any-return]
            states = self.model(**inputs, output_hidden_states=True).hidden_states
            return torch.stack([states[layer] for layer in self.layers]).mean(dim=0).numpy()


def chosen_layers(named: str | None, count: int, *, mixes: bool = False) -> tuple[int, ...] | None:
    """Layers selected by `--layer`.

    Args:
        named: A number from 0, the input embeddings, to `count`, or from -1, the last layer, down; `last4`; `mix`.
        count: Number of layers of the model.
        mixes: Whether the model has a learned mix of layers.

    Returns:
        None for the output of the model.

    Raises:
        UsageError: it is none of these.
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
    """Load a model of tokit or transformers.

    Raises:
        ArtifactError: its files are missing, damaged, or not of a model.
        UsageError: the model has no such layer.
    """
    torch.set_num_threads(threads)
    model = open_model(folder)
    layers = chosen_layers(layer, int(model.config.num_hidden_layers), mixes=hasattr(model, "mix"))
    return TorchEncoder(model, pad, context, layers)
