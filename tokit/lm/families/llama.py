"""Llama, a decoder with rotary positions, trained to predict the next token.

Touvron et al. 2023, https://arxiv.org/abs/2302.13971; Su et al. 2021, https://arxiv.org/abs/2104.09864
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from tokit.lm.families.base import LanguageModelFamily, Model, gated_size, initializer_range
from tokit.lm.pretrain_params import LlamaParams, PretrainParams, Shape


class Llama(LanguageModelFamily):
    """transformers' `LlamaForCausalLM` with tied input and output embeddings."""

    name: ClassVar[str] = "llama"
    Params: ClassVar[type[PretrainParams]] = LlamaParams
    roles: ClassVar[tuple[str, ...]] = ("endoftext", "pad")
    template: ClassVar[str] = "bos $A"
    causal: ClassVar[bool] = True

    @classmethod
    def config(cls, vocab_size: int, special: dict[str, int], shape: Shape, params: PretrainParams) -> Any:
        return LlamaConfig(
            vocab_size=vocab_size,
            hidden_size=shape.hidden_size,
            num_hidden_layers=shape.num_hidden_layers,
            num_attention_heads=shape.num_attention_heads,
            num_key_value_heads=shape.num_attention_heads,
            intermediate_size=gated_size(shape.hidden_size),
            max_position_embeddings=params.context_length,
            initializer_range=initializer_range(shape.hidden_size),
            attention_dropout=params.dropout,
            tie_word_embeddings=True,
            use_cache=False,
            pad_token_id=special["pad"],
            bos_token_id=special.get("bos", special["endoftext"]),
            eos_token_id=special["endoftext"],
        )

    @classmethod
    def build(cls, config: Any) -> Model:
        return LlamaForCausalLM(config)

    @classmethod
    def logits(cls, model: Model, hidden: Tensor) -> Tensor:
        return model.lm_head(hidden)  # type: ignore[no-any-return]
