"""ModernBERT, an encoder with rotary positions and mostly local attention, trained by masked language modeling.

Warner et al. 2024, https://arxiv.org/abs/2412.13663; Su et al. 2021, https://arxiv.org/abs/2104.09864
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor
from transformers import ModernBertConfig, ModernBertForMaskedLM

from tokit.lm.families.base import LanguageModelFamily, Model, ModelInput, gated_size, initializer_range, local_mask
from tokit.lm.pretrain_params import ModernBertParams, PretrainParams, Shape


class ModernBert(LanguageModelFamily):
    """transformers' `ModernBertForMaskedLM`."""

    name: ClassVar[str] = "modernbert"
    Params: ClassVar[type[PretrainParams]] = ModernBertParams
    roles: ClassVar[tuple[str, ...]] = ("pad", "cls", "sep", "mask")
    template: ClassVar[str] = "bert"

    @classmethod
    def config(cls, vocab_size: int, special: dict[str, int], shape: Shape, params: PretrainParams) -> Any:
        local = params.local_attention if isinstance(params, ModernBertParams) else params.context_length
        every = params.global_attn_every_n_layers if isinstance(params, ModernBertParams) else 1
        layers = range(shape.num_hidden_layers)
        return ModernBertConfig(
            vocab_size=vocab_size,
            hidden_size=shape.hidden_size,
            num_hidden_layers=shape.num_hidden_layers,
            num_attention_heads=shape.num_attention_heads,
            intermediate_size=gated_size(shape.hidden_size),
            max_position_embeddings=params.context_length,
            initializer_range=initializer_range(shape.hidden_size),
            layer_types=["sliding_attention" if layer % every else "full_attention" for layer in layers],
            local_attention=local,
            embedding_dropout=params.dropout,
            attention_dropout=params.dropout,
            mlp_dropout=params.dropout,
            classifier_pooling="mean",
            pad_token_id=special["pad"],
            bos_token_id=special["cls"],
            eos_token_id=special["sep"],
            cls_token_id=special["cls"],
            sep_token_id=special["sep"],
        )

    @classmethod
    def build(cls, config: Any) -> Model:
        return ModernBertForMaskedLM(config)

    @classmethod
    def masks(cls, model: Model, inputs: ModelInput) -> Any:
        # Half the window to either side, its end included, as in the stock mask.
        local = local_mask(inputs.attention_mask, model.config.sliding_window)
        return {"full_attention": inputs.attention_mask, "sliding_attention": local}

    @classmethod
    def logits(cls, model: Model, hidden: Tensor) -> Tensor:
        return model.decoder(model.head(hidden))  # type: ignore[no-any-return]
