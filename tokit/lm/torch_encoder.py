"""Token vectors from the layers of a model in torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tokit.arrays import FloatArray, IntArray
from tokit.lm.data.length_batches import ModelEncoder
from tokit.lm.folder.layers import chosen_layers
from tokit.lm.folder.model_folder import open_model


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
