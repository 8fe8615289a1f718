"""What a contextual family is: a config and a class of transformers, and how the training loop calls them."""

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

Model = Any
# Columns of the gated part, as a share of `hidden`: 8/3, in which three matrices weigh as much as two of four times.
GATED = 8 / 3
MULTIPLE = 32
# The target where nothing is predicted.
NOTHING = -100


@dataclass(frozen=True, slots=True)
class Row:
    """Rows of tokens as a model takes them.

    Attributes:
        ids: int64, shape (rows, tokens).
        positions: Of each token in its document; int64, same shape.
        mask: True where a token sees another; shape (rows, 1, tokens, tokens).
    """

    ids: Tensor
    positions: Tensor
    mask: Tensor


class Family(ABC):
    """A family of language models."""

    name: ClassVar[str]
    Params: ClassVar[type[PretrainParams]] = PretrainParams
    # Roles of special tokens that the model needs, and the template of a document.
    roles: ClassVar[tuple[str, ...]]
    template: ClassVar[str]
    # Whether each token may see those behind it.
    causal: ClassVar[bool] = False
    # Whether transformers and sentence-transformers load its folders.
    stock: ClassVar[bool] = True

    @classmethod
    @abstractmethod
    def config(cls, vocab_size: int, special: dict[str, int], shape: Shape, params: PretrainParams) -> Any:
        """The model's configuration.

        Args:
            vocab_size: Rows of the table of tokens.
            special: Role → id.
            shape: Layers, columns, heads.
            params: What else was set.
        """

    @classmethod
    @abstractmethod
    def build(cls, config: Any) -> Model:
        """A model with the head that it is trained with, at random."""

    @classmethod
    def hidden(cls, model: Model, row: Row) -> Tensor:
        """The last layer of each token; shape (rows, tokens, hidden)."""
        output = model.base_model(input_ids=row.ids, position_ids=row.positions, attention_mask=cls.masks(model, row))
        return output.last_hidden_state  # type: ignore[no-any-return]

    @classmethod
    def hidden_at(cls, model: Model, row: Row, at: Tensor) -> Tensor:
        """The last layer of some tokens.

        A family whose last layer can leave the others out does so here.

        Args:
            model: As it was built.
            row: What it sees.
            at: Places in the flat tokens; int64, shape (n,).

        Returns:
            Shape (n, hidden).
        """
        return cls.hidden(model, row).flatten(0, 1).index_select(0, at)

    @classmethod
    def masks(cls, _model: Model, row: Row) -> Any:
        """What the model's own call takes as its mask."""
        return row.mask

    @classmethod
    def predictors(cls, model: Model, row: Row, at: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors that the head reads, and the tokens that it should make of them.

        Args:
            model: With its head.
            row: What it sees.
            at: Places in the flat row; shape (n,).
            targets: The tokens to be predicted there; shape (n,).

        Returns:
            (vectors, shape (m, hidden); tokens or `NOTHING`, shape (m,)). The first n are those of `at`; what follows
            counts in the loss, not in bits.
        """
        return cls.hidden_at(model, row, at), targets

    @classmethod
    @abstractmethod
    def logits(cls, model: Model, hidden: Tensor) -> Tensor:
        """What the head makes of tokens' vectors: (n, hidden) to (n, vocab)."""

    @classmethod
    def save(cls, model: Model, folder: Path) -> None:
        """Write the config and the weights, the head included."""
        save_stock(model, folder)

    @classmethod
    def load(cls, folder: Path) -> Model:
        """A model that was saved, without its head.

        Raises:
            ArtifactError: its files are missing, damaged, or not of one model.
        """
        return load_weights(folder, transformers.AutoModel, open_config(folder))[0]


def save_stock(model: Model, folder: Path) -> None:
    """Write the config and the weights of a model of transformers, as it does."""
    # Else it draws a bar of its own.
    transformers.utils.logging.disable_progress_bar()
    model.save_pretrained(folder)


def sees(documents: Tensor, *, causal: bool) -> Tensor:
    """Which token sees which: those of its own document, and only earlier ones when `causal`.

    Args:
        documents: Number of each token's document; shape (rows, tokens).
        causal: Whether later tokens are hidden.

    Returns:
        Booleans, shape (rows, 1, tokens, tokens).
    """
    same = documents[:, None, :, None] == documents[:, None, None, :]
    return same.tril() if causal else same


def near(mask: Tensor, window: int) -> Tensor:
    """Of what tokens see, the part that is at most `window` tokens away; the same shape."""
    at = torch.arange(mask.shape[-1])
    return mask & ((at[:, None] - at).abs() <= window)


def gated_columns(hidden: int) -> int:
    """Columns of a gated feed-forward part, in which a layer weighs as much as one without a gate."""
    return MULTIPLE * max(1, round(GATED * hidden / MULTIPLE))


def spread(hidden: int) -> float:
    """Standard deviation of the weights that a new model begins with, so that what passes a layer keeps its size.

    The usual 0.02 is that of 1,000 columns. Nguyen and Salazar 2019, https://arxiv.org/abs/1910.05895
    """
    return math.sqrt(2 / (5 * hidden))


def bfloat16_pays() -> bool:
    """Whether products in bfloat16 are the faster ones here.

    With tiles (AMX) they are, and with AMD's AVX-512 (4 layers of 256 columns, two cores of an EPYC: 12,400 tokens/s,
    and 6,100 in float32). Intel's AVX-512 without tiles has the instruction, and is the slower by it: 5,200 and 7,600.
    """
    if _told("_is_amx_tile_supported"):
        return True
    return _told("_is_avx512_bf16_supported") and "AuthenticAMD" in _processor()


def _told(name: str) -> bool:
    """What torch knows of the processor; not every version has every answer."""
    return bool(getattr(torch.cpu, name, bool)())


def _processor() -> str:
    try:
        return Path("/proc/cpuinfo").read_text("utf-8", errors="replace")
    except OSError:
        return ""
