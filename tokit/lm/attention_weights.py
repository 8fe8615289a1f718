"""Which token looks at which: the weights of a model's attention, and the products that they are made from.

Weights are those that transformers itself returns. Products come out of an attention function that transformers calls
in place of its own, so that queries and keys are what the model made of them, positions and all.
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
# Numbers of all layers' weights that are held at once.
WEIGHTS_AT_ONCE = 1 << 24


@dataclass(frozen=True)
class Sums:
    """Attention of some documents, summed over their tokens; arrays of shape (layers, heads), float64.

    Attributes:
        tokens: That were looked from.
        entropy: In bits.
        distance: How many tokens away the tokens are that are looked at.
        special: Share that goes to special tokens.
    """

    tokens: int
    entropy: Doubles
    distance: Doubles
    special: Doubles


class Attending:
    """A model that tells what its attention does.

    Args:
        encoder: The model; from now on it attends in transformers' plain way, which tells its weights.
    """

    def __init__(self, encoder: TorchEncoder) -> None:
        self._model = encoder.model
        self._pad = encoder.pad

    def weights(self, ids: IdArray) -> FloatArray:
        """The weight that each token gives to each; rows sum to 1.

        Args:
            ids: A document as the template frames it; shape (tokens,).

        Returns:
            Shape (layers, heads, tokens, tokens), who looks before who is looked at.
        """
        return self._of_one(ids, STOCK)

    def products(self, ids: IdArray) -> FloatArray:
        """Each token's query times each token's key, scaled: what the softmax makes weights of.

        Returns:
            As `weights`; NaN where the model hides a token from another.

        Raises:
            UsageError: the model does not call the attention that it is told to.
        """
        asked: list[int] = []
        _register(asked)
        products = self._of_one(ids, PRODUCTS)
        if len(asked) != len(products):
            raise UsageError(f"{self._type} attends in a way of its own", hint="leave --qk out")
        return products

    def sums(self, ids: Ids, special: Bools) -> Iterator[Sums]:
        """What the weights of documents are like, some documents at a time.

        Args:
            ids: Documents as the template frames them.
            special: Tokens that are special; shape (vocab,).
        """
        lengths = ids.lengths
        some = np.flatnonzero(lengths)
        config = self._model.config
        # A document has as many weights in each head as it has pairs of tokens.
        weights = lengths[some] ** 2 * int(config.num_hidden_layers) * int(config.num_attention_heads)
        for numbers in by_length(weights, WEIGHTS_AT_ONCE):
            yield self._sums(*padded(ids.data, ids.ends, some[numbers], self._pad), special)

    def _sums(self, rows: IntArray, real: Bools, special: Bools) -> Sums:
        from_real = torch.from_numpy(real)[:, None, :]
        places = torch.arange(rows.shape[1])
        away = (places[:, None] - places).abs().float()
        to_special = torch.from_numpy((special[rows] & real).astype(np.float32))[:, None, :, None]
        found: list[list[Tensor]] = []
        for weights in self._layers(torch.from_numpy(rows), torch.from_numpy(real), STOCK):
            parts = (
                torch.special.entr(weights).sum(dim=-1) / math.log(2),
                (weights * away).sum(dim=-1),
                (weights @ to_special).squeeze(-1),
            )
            found.append([torch.where(from_real, part, 0).double().sum(dim=(0, 2)) for part in parts])
        entropy, distance, share = (torch.stack(each).numpy() for each in zip(*found, strict=True))
        return Sums(int(real.sum()), entropy, distance, share)

    def _of_one(self, ids: IdArray, how: str) -> FloatArray:
        rows = torch.from_numpy(ids.astype(np.int64))[None, :]
        layers = self._layers(rows, torch.ones_like(rows, dtype=torch.bool), how)
        return torch.cat(layers).numpy()

    @property
    def _type(self) -> str:
        return f"a model of type {self._model.config.model_type}"

    def _layers(self, rows: Tensor, real: Tensor, how: str) -> list[Tensor]:
        self._model.set_attn_implementation(how)
        with torch.no_grad():
            output = self._model(input_ids=rows, attention_mask=real.long(), output_attentions=True)
        if not output.attentions or any(each is None for each in output.attentions):
            raise UsageError(f"{self._type} does not tell what it attends to", hint="give a bert, modernbert or llama")
        return [each.float() for each in output.attentions]


def _register(asked: list[int]) -> None:
    """Tell transformers of the function below; masks are made for it as for the stock one."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(PRODUCTS, partial(_attend, asked))
    AttentionMaskInterface.register(PRODUCTS, AttentionMaskInterface()[STOCK])


def _attend(  # noqa: PLR0917 - transformers' own
    asked: list[int],
    _module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **_others: Any,
) -> tuple[Tensor, Tensor]:
    """Attention that returns products where the stock function returns weights.

    Arguments and results are those of transformers' `eager_attention_forward`, but for `asked`, which gets an entry.
    """
    asked.append(query.shape[1])
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    products = query @ key.transpose(2, 3) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    masked = products if attention_mask is None else products + attention_mask[..., : key.shape[-2]]
    seen = (masked.softmax(dim=-1, dtype=torch.float32).to(value.dtype) @ value).transpose(1, 2).contiguous()
    # Where nothing is to be seen, a mask holds the least number there is.
    return seen, products.masked_fill(masked < torch.finfo(masked.dtype).min / 2, math.nan)
