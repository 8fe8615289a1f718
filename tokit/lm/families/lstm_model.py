"""A bidirectional LSTM language model: two stacks, one reading on and one reading back, over one table of tokens.

No class of transformers: its folder has a `config.json` and a `model.safetensors` of our own.
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
from tokit.storage.folder import dump_json, read_json

MODEL_TYPE = "tokit-lstm"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
# Two names of one table; the first is the one that is kept.
TABLE, TIED = "table.weight", "head.weight"
# What closes a gate for good: its sigmoid is 0 in float32, whatever the weights add to it.
CLOSED = -1000.0
# How the forget gate begins: it remembers (Jozefowicz et al. 2015, https://proceedings.mlr.press/v37/jozefowicz15.html).
REMEMBER = 1.0


@dataclass
class LstmConfig:
    """The shape of a model.

    Attributes:
        vocab_size: Rows of the table of tokens.
        direction_size: Columns of the table, and of each direction's states.
        num_hidden_layers: Of each direction.
        max_position_embeddings: Tokens that a row had in training.
        pad_token_id: What fills rows up.
        dropout: Share of each layer's input left out at random while training.
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
        """Columns of a token's vector: both directions side by side."""
        return 2 * self.direction_size


@dataclass(frozen=True, slots=True)
class LstmOutput:
    """What a model of transformers would give.

    Attributes:
        last_hidden_state: The layers mixed by their weights; shape (rows, tokens, hidden).
        hidden_states: The table's rows, twice side by side, and each layer's states.
    """

    last_hidden_state: Tensor
    hidden_states: tuple[Tensor, ...]


class LstmLanguageModel(nn.Module):
    """Both stacks, the weights that mix their layers, and the head, whose table is that of the tokens.

    A prediction is made from the mix of one direction's layers, so that the mix is learned with the rest. (The paper
    predicts from the last layer and leaves the mix to each task.) Layers but the first add their input to their states.
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
        """Vectors of padded documents, as a model of transformers is called.

        Args:
            input_ids: Shape (rows, tokens).
            attention_mask: 1 at tokens, 0 where a row is filled up behind them; the same shape.
            output_hidden_states: Give all layers.
        """
        real = torch.ones_like(input_ids, dtype=torch.bool) if attention_mask is None else attention_mask.bool()
        first, second = self.layers(self.table(input_ids).transpose(0, 1), real.T)
        mixed = torch.cat([self.mixed(first), self.mixed(second)], dim=-1).transpose(0, 1)
        each = zip(first, second, strict=True) if output_hidden_states else ()
        return LstmOutput(mixed, tuple(torch.cat(pair, dim=-1).transpose(0, 1) for pair in each))

    def directions(self, ids: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """The mixed states of either direction, in rows of documents that do not see each other.

        Args:
            ids: Shape (rows, tokens).
            positions: Of each token in its document, 0 where one begins; the same shape.

        Returns:
            Of what was read up to a token, and of what was read back to it; shape (rows, tokens, size) each.
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
        """States of each layer of either direction, the input first; zero where there is no token.

        Args:
            read: Rows of the table; shape (steps, rows, size).
            real: Where there is a token; shape (steps, rows).
        """
        closed = (~real)[:, :, None].to(read.dtype)
        read = read * (1 - closed)
        first, second = [read], [read.flip(0)]
        back = closed.flip(0)
        for onward, backward in zip(self.onward, self.backward_, strict=True):
            first.append(self._layer(onward, first[-1], closed, len(first) > 1))
            second.append(self._layer(backward, second[-1], back, len(second) > 1))
        return first, [states.flip(0) for states in second]

    def _layer(self, lstm: Any, read: Tensor, closed: Tensor, add: bool) -> Tensor:
        """A layer over all steps; a step without a token takes nothing in, and forgets what was before it."""
        kept = functional.dropout(read, self.config.dropout, self.training)
        size = self.config.direction_size
        # The gates are those of what comes in, what is forgotten, the cell and what goes out.
        column = read.new_full((4 * size, 1), CLOSED)
        column[2 * size : 3 * size] = 0
        weights = [
            torch.cat([lstm.weight_ih_l0, column], dim=1), lstm.weight_hh_l0, lstm.bias_ih_l0, lstm.bias_hh_l0
        ]  # fmt: skip
        zero = read.new_zeros(1, read.shape[1], size)
        states = torch.lstm(
            torch.cat([kept, closed], dim=-1), [zero, zero], weights, has_biases=True, num_layers=1, dropout=0.0,
            train=self.training, bidirectional=False, batch_first=False,
        )[0]  # fmt: skip
        return states + read if add else states

    def mixed(self, layers: list[Tensor]) -> Tensor:
        """The layers by their learned weights, and their scale."""
        weights = torch.softmax(self.mix, dim=0)
        total = torch.zeros_like(layers[0])
        for weight, layer in zip(weights, layers, strict=True):
            total = total + weight * layer
        return self.gamma * total

    def logits(self, states: Tensor) -> Tensor:
        """What tokens are predicted: (n, size) to (n, vocab)."""
        return self.head(states)  # type: ignore[no-any-return]

    # What a start from another model asks for, in the names of transformers.
    base_model_prefix = ""

    def get_input_embeddings(self) -> nn.Embedding:
        """The table of tokens."""
        return self.table

    def get_output_embeddings(self) -> nn.Linear:
        """The head."""
        return self.head

    def resize_token_embeddings(self, size: int, **_options: Any) -> None:
        """Tables of so many rows, which are at random: the caller fills them."""
        columns = self.config.direction_size
        self.table, self.head = nn.Embedding(size, columns), nn.Linear(columns, size)
        self.head.weight = self.table.weight
        self.config.vocab_size = size


def stretched(positions: Tensor) -> tuple[Tensor, int]:
    """Rows with an empty step before each document that begins within one.

    Args:
        positions: Of each token in its document; shape (rows, tokens).

    Returns:
        (the step of each token, same shape; how many steps the longest row has).
    """
    begins = positions == 0
    begins[:, 0] = False
    places = torch.arange(positions.shape[1]) + begins.cumsum(dim=1)
    return places, int(places[:, -1].max()) + 1


def save_lstm(model: LstmLanguageModel, folder: Path) -> None:
    """Write the config and the weights."""
    config = {**dataclasses.asdict(model.config), "hidden_size": model.config.hidden_size}
    dump_json(config, folder / CONFIG)
    state = {name: value.contiguous() for name, value in model.state_dict().items() if name != TIED}
    save_file(state, folder / WEIGHTS)


def load_lstm(folder: Path) -> LstmLanguageModel:
    """Open what `save_lstm` wrote.

    Raises:
        ArtifactError: a file is missing or damaged.
    """
    said = read_json(folder / CONFIG)
    try:
        config = LstmConfig(**{field.name: said[field.name] for field in dataclasses.fields(LstmConfig)})
        model = LstmLanguageModel(config)
        state = load_file(folder / WEIGHTS)
        model.load_state_dict({**state, TIED: state[TABLE]})
    except (KeyError, TypeError, RuntimeError, OSError, SafetensorError, json.JSONDecodeError) as error:
        raise ArtifactError(f"{folder}: not an LSTM of tokit: {error}", hint="damaged? make it again") from error
    return model
