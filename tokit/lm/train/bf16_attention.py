"""Attention as plain products, for training in bfloat16.

torch's own attention on a processor goes back through bfloat16 at a quarter of the speed of the products that it is
made of (version 2.13, rows of 128 tokens: 10.8 + 44.6 ms there and back, 6.9 + 10.5 ms here), and rows are so short
that their scores fit into memory. In float32 torch's own is the faster one and is left in place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout as left_out
from transformers import AttentionInterface

from tokit.lm.families.base import Model

NAME = "tokit_training"


def products_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention in the form that transformers asks for.

    Args:
        module: The layer; it says whether it is being trained.
        query: Shape (rows, heads, tokens, columns).
        key: The same, of as many heads.
        value: The same.
        attention_mask: True where a token sees another; shape (rows, 1, tokens, tokens).
        scaling: Of the scores; None takes one over the root of `columns`.
        dropout: Share of the weights that is left out.

    Returns:
        Shape (rows, tokens, heads, columns), and no weights.
    """
    # The query is smaller than the scores.
    scores = torch.matmul(query * (query.shape[-1] ** -0.5 if scaling is None else scaling), key.transpose(-1, -2))
    if attention_mask is not None:
        # Tokens see themselves, so that no row is all of these.
        scores = scores + torch.zeros((), dtype=scores.dtype).where(attention_mask, float("-inf"))
    weights = left_out(torch.softmax(scores, dim=-1), dropout, training=module.training)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), None


@contextmanager
def attention_for(model: Model, precision: str) -> Iterator[None]:
    """Let a model of transformers use the attention that is the faster one in this precision."""
    if precision != "bfloat16" or not hasattr(model, "set_attn_implementation"):
        yield
        return
    AttentionInterface.register(NAME, products_attention)
    before = model.config._attn_implementation
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
