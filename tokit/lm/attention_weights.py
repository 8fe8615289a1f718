"""Attention weights of a model, and the products of queries and keys that they are computed from.

Weights are those that transformers itself returns. Products come from an attention function that transformers calls in
place of its own, so that queries and keys are the model's, positions included.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokit.arrays import FloatArray, IdArray, Ids, IntArray
from tokit.errors import UsageError
from tokit.lm.data.packed_batches import Bools
from tokit.lm.data.padding import by_length, padded
from tokit.lm.torch_encoder import TorchEncoder

Doubles = npt.NDArray[np.float64]
STOCK, PRODUCTS = "eager", "tokit_products"
# Number of attention weights of all layers in memory at once.
WEIGHTS_AT_ONCE = 1 << 24


@dataclass(frozen=True)
class AttentionSums:
    """Attention of documents, summed over their tokens; arrays of shape (layers, heads), float64.

    Attributes:
        tokens: Number of queries.
        entropy: Entropy of the weights, in bits.
        distance: Weighted mean distance between query and key, in tokens.
        special: Fraction of the weight on special tokens.
    """

    tokens: int
    entropy: Doubles
    distance: Doubles
    special: Doubles


class AttentionModel:
    """A model that returns its attention.

    Args:
        encoder: The model; it is switched to transformers' eager attention, which returns weights.
    """

    def __init__(self, encoder: TorchEncoder) -> None:
        self._model = encoder.model
        self._pad = encoder.pad

    def weights(self, ids: IdArray) -> FloatArray:
        """Attention weights of a document; rows sum to 1.

        Args:
            ids: A document with the template's special tokens; shape (tokens,).

        Returns:
            Shape (layers, heads, queries, keys).
        """
        return self._of_one(ids, STOCK)

    def products(self, ids: IdArray) -> FloatArray:
        """Scaled products of queries and keys, the input of the softmax.

        Returns:
            Same shape as `weights`; NaN where a key is masked.

        Raises:
            UsageError: the model does not use transformers' attention interface.
        """
        calls: list[int] = []
        _register(calls)
        products = self._of_one(ids, PRODUCTS)
        if len(calls) != len(products):
            raise UsageError(f"{self._type} does not use transformers' attention interface", hint="leave out --qk")
        return products

    def sums(self, ids: Ids, special: Bools) -> Iterator[AttentionSums]:
        """Sums over documents, a batch at a time.

        Args:
            ids: Documents with the template's special tokens.
            special: True for special tokens; shape (vocab,).
        """
        lengths = ids.lengths
        documents = np.flatnonzero(lengths)
        config = self._model.config
        # Each head has a weight for every pair of tokens.
        weights = lengths[documents] ** 2 * int(config.num_hidden_layers) * int(config.num_attention_heads)
        for numbers in by_length(weights, WEIGHTS_AT_ONCE):
            yield self._sums(*padded(ids.data, ids.ends, documents[numbers], self._pad), special)

    def _sums(self, rows: IntArray, real: Bools, special: Bools) -> AttentionSums:
        from_real = torch.from_numpy(real)[:, None, :]
        places = torch.arange(rows.shape[1])
        away = (places[:, None] - places).abs().float()
        to_special = torch.from_numpy((special[rows] & real).astype(np.float32))[:, None, :, None]
        sums: list[list[Tensor]] = []
        for weights in self._layers(torch.from_numpy(rows), torch.from_numpy(real), STOCK):
            parts = (
                torch.special.entr(weights).sum(dim=-1) / math.log(2),
                (weights * away).sum(dim=-1),
                (weights @ to_special).squeeze(-1),
            )
            sums.append([torch.where(from_real, part, 0).double().sum(dim=(0, 2)) for part in parts])
        entropy, distance, on_special = (torch.stack(layers).numpy() for layers in zip(*sums, strict=True))
        return AttentionSums(int(real.sum()), entropy, distance, on_special)

    def _of_one(self, ids: IdArray, attention: str) -> FloatArray:
        rows = torch.from_numpy(ids.astype(np.int64))[None, :]
        layers = self._layers(rows, torch.ones_like(rows, dtype=torch.bool), attention)
        return torch.cat(layers).numpy()

    @property
    def _type(self) -> str:
        return f"a model of type {self._model.config.model_type}"

    def _layers(self, rows: Tensor, real: Tensor, attention: str) -> list[Tensor]:
        self._model.set_attn_implementation(attention)
        with torch.no_grad():
            output = self._model(input_ids=rows, attention_mask=real.long(), output_attentions=True)
        if not output.attentions or any(layer is None for layer in output.attentions):
            raise UsageError(f"{self._type} does not expose its attention", hint="use a bert, modernbert or llama")
        return [layer.float() for layer in output.attentions]


def _register(calls: list[int]) -> None:
    """Register the function below in transformers, with the masks of the stock one."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(PRODUCTS, partial(_attend, calls))
    AttentionMaskInterface.register(PRODUCTS, AttentionMaskInterface()[STOCK])


def _attend(  # noqa: PLR0917 - transformers' own
    calls: list[int],
    _module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **_options: Any,
) -> tuple[Tensor, Tensor]:
    """Attention that returns products where the stock function returns weights.

    Arguments and results are those of transformers' `eager_attention_forward`, plus `calls`, which gets an entry.
    """
    calls.append(query.shape[1])
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    products = query @ key.transpose(2, 3) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    masked = products if attention_mask is None else products + attention_mask[..., : key.shape[-2]]
    vectors = (masked.softmax(dim=-1, dtype=torch.float32).to(value.dtype) @ value).transpose(1, 2).contiguous()
    # A mask holds the least number of its type at masked keys.
    return vectors, products.masked_fill(masked < torch.finfo(masked.dtype).min / 2, math.nan)
