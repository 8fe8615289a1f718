"""Base class of the language model families: configuration, model class, and the calls of the training loop."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
import transformers
from torch import Tensor

from tokit.lm.folder.weights import load_weights, open_config
from tokit.lm.pretrain_params import PretrainParams, Shape
from tokit.runtime.processor import processor_description

Model = Any
# Inner size of a gated feed-forward layer, over the hidden size: its three matrices have as many parameters as the two
# of a plain one, whose inner size is four times the hidden size.
GATED = 8 / 3
MULTIPLE = 32
# Target of tokens that are not predicted, as in transformers.
IGNORE_INDEX = -100


@dataclass(frozen=True, slots=True)
class ModelInput:
    """Packed rows of tokens, the input of a model.

    Attributes:
        ids: int64, shape (rows, tokens).
        positions: Position of each token in its document; int64, same shape.
        attention_mask: True where a query may attend to a key; shape (rows, 1, queries, keys).
    """

    ids: Tensor
    positions: Tensor
    attention_mask: Tensor


class LanguageModelFamily(ABC):
    """A family of language models."""

    name: ClassVar[str]
    Params: ClassVar[type[PretrainParams]] = PretrainParams
    # Roles of the special tokens that the model needs, and the template of a document.
    roles: ClassVar[tuple[str, ...]]
    template: ClassVar[str]
    # Whether tokens attend to earlier ones only.
    causal: ClassVar[bool] = False
    # Whether transformers and sentence-transformers load its folders.
    stock: ClassVar[bool] = True

    @classmethod
    @abstractmethod
    def config(cls, vocab_size: int, special: dict[str, int], shape: Shape, params: PretrainParams) -> Any:
        """The model's configuration.

        Args:
            vocab_size: Rows of the embedding matrix.
            special: Special tokens, role → id.
            shape: Number of layers, hidden size, number of heads.
            params: Context length, dropout, and the family's own parameters.
        """

    @classmethod
    @abstractmethod
    def build(cls, config: Any) -> Model:
        """A randomly initialized model with the head of its training objective."""

    @classmethod
    def hidden(cls, model: Model, inputs: ModelInput) -> Tensor:
        """Hidden states of the last layer; shape (rows, tokens, hidden)."""
        output = model.base_model(
            input_ids=inputs.ids, position_ids=inputs.positions, attention_mask=cls.masks(model, inputs)
        )
        return output.last_hidden_state  # type: ignore[no-any-return]

    @classmethod
    def hidden_at(cls, model: Model, inputs: ModelInput, at: Tensor) -> Tensor:
        """Hidden states of the last layer for some tokens.

        A family that can skip the others in its last layer overrides this.

        Args:
            model: From `build`.
            inputs: Packed rows.
            at: Indices into the flat tokens; int64, shape (n,).

        Returns:
            Shape (n, hidden).
        """
        return cls.hidden(model, inputs).flatten(0, 1).index_select(0, at)

    @classmethod
    def masks(cls, _model: Model, inputs: ModelInput) -> Any:
        """The attention mask in the form that the model's call takes."""
        return inputs.attention_mask

    @classmethod
    def predictors(cls, model: Model, inputs: ModelInput, at: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Input vectors and targets of the head.

        Args:
            model: From `build`.
            inputs: Packed rows.
            at: Indices into the flat tokens; shape (n,).
            targets: Target token of each index; shape (n,).

        Returns:
            (vectors, shape (m, hidden); tokens or `IGNORE_INDEX`, shape (m,)). The first n are those of `at`; others
            count in the loss, not in bits per byte.
        """
        return cls.hidden_at(model, inputs, at), targets

    @classmethod
    @abstractmethod
    def logits(cls, model: Model, hidden: Tensor) -> Tensor:
        """Logits of the head: (n, hidden) to (n, vocab)."""

    @classmethod
    def save(cls, model: Model, folder: Path) -> None:
        """Save the configuration and the weights, including the head."""
        save_stock(model, folder)

    @classmethod
    def load(cls, folder: Path) -> Model:
        """Load a saved model, without its head.

        Raises:
            ArtifactError: its files are missing, damaged, or not of one model.
        """
        return load_weights(folder, transformers.AutoModel, open_config(folder))[0]


def save_stock(model: Model, folder: Path) -> None:
    """Save a transformers model with its own `save_pretrained`."""
    # transformers would draw a progress bar of its own.
    transformers.utils.logging.disable_progress_bar()
    model.save_pretrained(folder)


def attention_mask(documents: Tensor, *, causal: bool) -> Tensor:
    """Per-document attention mask, causal on request.

    Args:
        documents: Document number of each token; shape (rows, tokens).
        causal: Whether to mask later tokens.

    Returns:
        Booleans, shape (rows, 1, queries, keys).
    """
    same = documents[:, None, :, None] == documents[:, None, None, :]
    return same.tril() if causal else same


def local_mask(mask: Tensor, window: int) -> Tensor:
    """Restrict an attention mask to keys at most `window` tokens away; same shape."""
    at = torch.arange(mask.shape[-1])
    return mask & ((at[:, None] - at).abs() <= window)


def gated_size(hidden: int) -> int:
    """Inner size of a gated feed-forward layer with as many parameters as a plain one."""
    return MULTIPLE * max(1, round(GATED * hidden / MULTIPLE))


def initializer_range(hidden: int) -> float:
    """Standard deviation of initial weights that keeps the variance of activations constant across layers.

    The usual 0.02 belongs to a hidden size of 1,000. Nguyen and Salazar 2019, https://arxiv.org/abs/1910.05895
    """
    return math.sqrt(2 / (5 * hidden))


def bfloat16_pays() -> bool:
    """True if matrix products are faster in bfloat16 on this processor.

    They are with tiles (AMX), and with AMD's AVX-512 (4 layers of hidden size 256 on two cores of an EPYC: 12,400
    tokens/s, and 6,100 in float32). Intel's AVX-512 without tiles has the instruction, but is slower with it: 5,200
    tokens/s, and 7,600 in float32.
    """
    if _supports("_is_amx_tile_supported"):
        return True
    return _supports("_is_avx512_bf16_supported") and "AuthenticAMD" in processor_description()


def _supports(name: str) -> bool:
    """A processor check of torch; False in a version that does not have it."""
    return bool(getattr(torch.cpu, name, bool)())
