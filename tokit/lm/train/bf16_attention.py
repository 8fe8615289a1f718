"""Attention by plain matrix products, for training in bfloat16.

On a processor, the backward pass of torch's own attention in bfloat16 runs at a quarter of the speed of its matrix
products (version 2.13, rows of 128 tokens: 10.8 ms forward and 44.6 ms backward, against 6.9 and 10.5 ms here), and
rows are short enough for their scores to fit into memory. In float32 torch's own is faster and stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout as apply_dropout
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
        module: The layer; dropout is applied while it is in training mode.
        query: Shape (rows, heads, tokens, dim).
        key: Same shape; several heads of the query may share one here.
        value: Shape of `key`.
        attention_mask: True where a query may attend to a key; shape (rows, 1, queries, keys).
        scaling: Factor of the scores; None is 1 / sqrt(dim).
        dropout: Dropout probability of the attention weights.

    Returns:
        (vectors, shape (rows, tokens, heads, dim); no attention weights).
    """
    shared_by = query.shape[1] // key.shape[1]
    if shared_by > 1:
        key, value = (heads.repeat_interleave(shared_by, dim=1) for heads in (key, value))
    # Scaling the query touches fewer numbers than scaling the scores.
    scores = torch.matmul(query * (query.shape[-1] ** -0.5 if scaling is None else scaling), key.transpose(-1, -2))
    if attention_mask is not None:
        # Tokens attend to themselves, so that no row is -inf throughout.
        scores = scores + torch.zeros((), dtype=scores.dtype).where(attention_mask, float("-inf"))
    weights = apply_dropout(torch.softmax(scores, dim=-1), dropout, training=module.training)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), None


@contextmanager
def attention_for(model: Model, precision: str) -> Iterator[None]:
    """Let a transformers model use the attention that is faster in this precision."""
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
