"""A bidirectional LSTM language model: a forward and a backward stack over one embedding matrix.

Not a class of transformers: its folder has a `config.json` and a `model.safetensors` of tokit's own.
Peters et al. 2018, https://aclanthology.org/N18-1202; Hochreiter and Schmidhuber 1997
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from tokit.errors import ArtifactError
from tokit.lm.folder.config_bounds import check_config, check_parameters
from tokit.storage.folder import dump_json, read_json

MODEL_TYPE = "tokit-lstm"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
# Two names of the tied embedding matrix; only the first is saved.
TABLE, TIED = "table.weight", "head.weight"
# Input that closes a gate: its sigmoid is 0 in float32, no matter what the weights add to it.
CLOSED = -1000.0
# Initial bias of the forget gate (Jozefowicz et al. 2015, https://proceedings.mlr.press/v37/jozefowicz15.html).
REMEMBER = 1.0


@dataclass
class LstmConfig:
    """The shape of a model.

    Attributes:
        vocab_size: Rows of the embedding matrix.
        direction_size: Dimension of the embedding matrix and of each direction's states.
        num_hidden_layers: Layers of each direction.
        max_position_embeddings: Tokens per row in training.
        pad_token_id: Padding id.
        dropout: Dropout probability of each layer's input.
        model_type: Always `MODEL_TYPE`.
    """

    vocab_size: int
    direction_size: int
    num_hidden_layers: int
    max_position_embeddings: int
    pad_token_id: int
    dropout: float = 0.0
    model_type: str = MODEL_TYPE

    @property
    def hidden_size(self) -> int:
        """Dimension of a token's vector: both directions, concatenated."""
        return 2 * self.direction_size

    @property
    def parameters(self) -> int:
        """Number of parameters of the matrices."""
        return self.direction_size * (self.vocab_size + 16 * self.direction_size * self.num_hidden_layers)


@dataclass(frozen=True, slots=True)
class LstmOutput:
    """Output in the form of a transformers model.

    Attributes:
        last_hidden_state: Weighted sum of the layers; shape (rows, tokens, hidden).
        hidden_states: The input embeddings, concatenated with themselves, and the states of each layer.
    """

    last_hidden_state: Tensor
    hidden_states: tuple[Tensor, ...]


class LstmLanguageModel(nn.Module):
    """Both stacks, the weights that mix their layers, and a head tied to the input embeddings.

    Predictions are made from the mix of one direction's layers, so that the mix is learned in pre-training. (The paper
    predicts from the last layer and leaves the mix to each task.) All layers but the first have a residual connection.
    """

    def __init__(self, config: LstmConfig) -> None:
        super().__init__()
        size = config.direction_size
        self.config = config
        self.table = nn.Embedding(config.vocab_size, size)
        self.onward = nn.ModuleList(nn.LSTM(size, size) for _ in range(config.num_hidden_layers))
        self.backward_ = nn.ModuleList(nn.LSTM(size, size) for _ in range(config.num_hidden_layers))
        self.mix = nn.Parameter(torch.zeros(config.num_hidden_layers + 1))
        self.gamma = nn.Parameter(torch.ones(1))
        self.head = nn.Linear(size, config.vocab_size)
        self.head.weight = self.table.weight
        nn.init.normal_(self.table.weight, std=size**-0.5)
        nn.init.zeros_(self.head.bias)
        with torch.no_grad():
            for layer in (*self.onward, *self.backward_):
                layer.bias_ih_l0[size : 2 * size] = REMEMBER

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, output_hidden_states: bool = False
    ) -> LstmOutput:
        """Hidden states of padded documents, with the arguments of a transformers model.

        Args:
            input_ids: Shape (rows, tokens).
            attention_mask: 1 at tokens, 0 at padding, which stands on the right; same shape.
            output_hidden_states: Return all layers.
        """
        real = torch.ones_like(input_ids, dtype=torch.bool) if attention_mask is None else attention_mask.bool()
        first, second = self.layers(self.table(input_ids).transpose(0, 1), real.T)
        mixed = torch.cat([self.mixed(first), self.mixed(second)], dim=-1).transpose(0, 1)
        pairs = zip(first, second, strict=True) if output_hidden_states else ()
        return LstmOutput(mixed, tuple(torch.cat(pair, dim=-1).transpose(0, 1) for pair in pairs))

    def directions(self, ids: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Mixed states of both directions for packed rows; documents of a row are independent of each other.

        Args:
            ids: Shape (rows, tokens).
            positions: Position of each token in its document; same shape.

        Returns:
            (forward states, backward states), each of shape (rows, tokens, size).
        """
        places, length = stretched(positions)
        rows = torch.arange(len(ids))[:, None]
        read = self.table.weight.new_zeros(length, len(ids), self.config.direction_size)
        read = read.index_put((places, rows), self.table(ids))
        real = torch.zeros(length, len(ids), dtype=torch.bool)
        real[places, rows] = True
        first, second = self.layers(read, real)
        return self.mixed(first)[places, rows], self.mixed(second)[places, rows]

    def layers(self, read: Tensor, real: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """States of all layers, (forward, backward), the input embeddings first; zero at padding.

        Args:
            read: Input embeddings; shape (steps, rows, size).
            real: True at tokens; shape (steps, rows).
        """
        closed = (~real)[:, :, None].to(read.dtype)
        read = read * (1 - closed)
        first, second = [read], [read.flip(0)]
        back = closed.flip(0)
        for forward, backward in zip(self.onward, self.backward_, strict=True):
            first.append(self._layer(forward, first[-1], closed, len(first) > 1))
            second.append(self._layer(backward, second[-1], back, len(second) > 1))
        return first, [states.flip(0) for states in second]

    def _layer(self, lstm: Any, read: Tensor, closed: Tensor, add: bool) -> Tensor:
        """One layer over all steps; a step without a token resets the state."""
        dropped = functional.dropout(read, self.config.dropout, self.training)
        size = self.config.direction_size
        # Gates in torch's order: input, forget, cell, output.
        column = read.new_full((4 * size, 1), CLOSED)
        column[2 * size : 3 * size] = 0
        weights = [
            torch.cat([lstm.weight_ih_l0, column], dim=1), lstm.weight_hh_l0, lstm.bias_ih_l0, lstm.bias_hh_l0
        ]  # fmt: skip
        zero = read.new_zeros(1, read.shape[1], size)
        states = torch.lstm(
            torch.cat([dropped, closed], dim=-1), [zero, zero], weights, has_biases=True, num_layers=1, dropout=0.0,
            train=self.training, bidirectional=False, batch_first=False,
        )[0]  # fmt: skip
        return states + read if add else states

    def mixed(self, layers: list[Tensor]) -> Tensor:
        """Sum of the layers by their learned weights, scaled."""
        weights = torch.softmax(self.mix, dim=0)
        total = torch.zeros_like(layers[0])
        for weight, layer in zip(weights, layers, strict=True):
            total = total + weight * layer
        return self.gamma * total

    def logits(self, states: Tensor) -> Tensor:
        """Logits of the head: (n, size) to (n, vocab)."""
        return self.head(states)  # type: ignore[no-any-return]

    # Names of transformers, which warm starts and --freeze use.
    base_model_prefix = ""

    def get_input_embeddings(self) -> nn.Embedding:
        """The input embeddings."""
        return self.table

    def get_output_embeddings(self) -> nn.Linear:
        """The head."""
        return self.head

    def resize_token_embeddings(self, size: int, **_options: Any) -> None:
        """Replace the embeddings by randomly initialized ones of `size` rows, for the caller to fill."""
        dim = self.config.direction_size
        self.table, self.head = nn.Embedding(size, dim), nn.Linear(dim, size)
        self.head.weight = self.table.weight
        self.config.vocab_size = size


def stretched(positions: Tensor) -> tuple[Tensor, int]:
    """Insert an empty step before each document but the first of a row.

    Args:
        positions: Position of each token in its document; shape (rows, tokens).

    Returns:
        (step of each token, same shape; number of steps of the longest row).
    """
    begins = positions == 0
    begins[:, 0] = False
    places = torch.arange(positions.shape[1]) + begins.cumsum(dim=1)
    return places, int(places[:, -1].max()) + 1


def save_lstm(model: LstmLanguageModel, folder: Path) -> None:
    """Save the configuration and the weights."""
    config = {**dataclasses.asdict(model.config), "hidden_size": model.config.hidden_size}
    dump_json(config, folder / CONFIG)
    state = {name: value.contiguous() for name, value in model.state_dict().items() if name != TIED}
    save_file(state, folder / WEIGHTS)


def load_lstm(folder: Path) -> LstmLanguageModel:
    """Load a model that `save_lstm` wrote.

    Raises:
        ArtifactError: a file is missing or damaged.
    """
    check_config(folder)
    stored = read_json(folder / CONFIG)
    try:
        config = LstmConfig(**{field.name: stored[field.name] for field in dataclasses.fields(LstmConfig)})
        check_parameters(folder, config.parameters)
        model = LstmLanguageModel(config)
        state = load_file(folder / WEIGHTS)
        model.load_state_dict({**state, TIED: state[TABLE]})
    except (KeyError, TypeError, RuntimeError, OSError, SafetensorError, json.JSONDecodeError) as error:
        raise ArtifactError(
            f"{folder}: not an LSTM of tokit: {error}", hint="if it is damaged, train it again"
        ) from error
    return model
