"""BERT, an encoder with learned positions, trained by masked language modeling.

Devlin et al. 2019, https://aclanthology.org/N19-1423
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor
from transformers import BertConfig, BertForMaskedLM

from tokit.lm.families.base import LanguageModelFamily, Model, ModelInput, initializer_range
from tokit.lm.pretrain_params import BertParams, PretrainParams, Shape


class Bert(LanguageModelFamily):
    """transformers' `BertForMaskedLM`."""

    name: ClassVar[str] = "bert"
    Params: ClassVar[type[PretrainParams]] = BertParams
    roles: ClassVar[tuple[str, ...]] = ("pad", "cls", "sep", "mask")
    template: ClassVar[str] = "bert"

    @classmethod
    def config(cls, vocab_size: int, special: dict[str, int], shape: Shape, params: PretrainParams) -> Any:
        return BertConfig(
            vocab_size=vocab_size,
            hidden_size=shape.hidden_size,
            num_hidden_layers=shape.num_hidden_layers,
            num_attention_heads=shape.num_attention_heads,
            intermediate_size=4 * shape.hidden_size,
            max_position_embeddings=params.context_length,
            type_vocab_size=2,
            initializer_range=initializer_range(shape.hidden_size),
            hidden_dropout_prob=params.dropout,
            attention_probs_dropout_prob=params.dropout,
            pad_token_id=special["pad"],
            bos_token_id=special["cls"],
            eos_token_id=special["sep"],
        )

    @classmethod
    def build(cls, config: Any) -> Model:
        return BertForMaskedLM(config)

    @classmethod
    def hidden_at(cls, model: Model, inputs: ModelInput, at: Tensor) -> Tensor:
        # After the last attention tokens are independent of each other: only those asked for are computed.
        def select(_: Any, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return tuple(state.flatten(0, 1).index_select(0, at) for state in states)

        handle = model.base_model.encoder.layer[-1].attention.output.register_forward_pre_hook(select)
        try:
            return cls.hidden(model, inputs)
        finally:
            handle.remove()

    @classmethod
    def logits(cls, model: Model, hidden: Tensor) -> Tensor:
        return model.cls(hidden)  # type: ignore[no-any-return]
