"""A bidirectional LSTM language model like ELMo: one stack predicts the next token, the other the previous one.

Peters et al. 2018, https://aclanthology.org/N18-1202
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from tokit.lm.families.base import IGNORE_INDEX, LanguageModelFamily, Model, ModelInput
from tokit.lm.families.lstm_model import LstmConfig, LstmLanguageModel, load_lstm, save_lstm
from tokit.lm.pretrain_params import LstmParams, PretrainParams, Shape


class Lstm(LanguageModelFamily):
    """tokit's own model on torch's LSTM.

    Both directions count alike in the loss; bits per byte are those of the forward one.
    """

    name: ClassVar[str] = "lstm"
    Params: ClassVar[type[PretrainParams]] = LstmParams
    roles: ClassVar[tuple[str, ...]] = ("pad", "cls", "sep")
    template: ClassVar[str] = "bert"
    causal: ClassVar[bool] = True
    stock: ClassVar[bool] = False

    @classmethod
    def config(cls, vocab_size: int, special: dict[str, int], shape: Shape, params: PretrainParams) -> Any:
        return LstmConfig(
            vocab_size,
            shape.hidden_size,
            shape.num_hidden_layers,
            params.context_length,
            special["pad"],
            params.dropout,
        )

    @classmethod
    def build(cls, config: Any) -> Model:
        return LstmLanguageModel(config)

    @classmethod
    def hidden(cls, model: Model, inputs: ModelInput) -> Tensor:
        return torch.cat(model.directions(inputs.ids, inputs.positions), dim=-1)

    @classmethod
    def predictors(cls, model: Model, inputs: ModelInput, at: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        forward, backward = model.directions(inputs.ids, inputs.positions)
        # The first token of a document has no previous token.
        previous = inputs.ids.roll(1, dims=1).masked_fill(inputs.positions == 0, IGNORE_INDEX)
        vectors = torch.cat([forward.flatten(0, 1)[at], backward.flatten(0, 1)])
        return vectors, torch.cat([targets, previous.flatten()])

    @classmethod
    def logits(cls, model: Model, hidden: Tensor) -> Tensor:
        return model.logits(hidden)  # type: ignore[no-any-return]

    @classmethod
    def save(cls, model: Model, folder: Path) -> None:
        save_lstm(model, folder)

    @classmethod
    def load(cls, folder: Path) -> Model:
        return load_lstm(folder)
