"""What a pre-training can be told: the shape of the model, the objective, the steps. Nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tokit.errors import UsageError
from tokit.params import param
from tokit.registry import did_you_mean

# By the class that a model is saved as: transformers opens one as an encoder, the other as a decoder.
ENCODER_OBJECTIVES, DECODER_OBJECTIVES = ("masked", "mixed"), ("causal", "mixed")
PRECISIONS = ("auto", "float32", "bfloat16")
# What the head of a fine-tuned model says.
ONE_LABEL, SCORE, EACH_TOKEN = "label", "score", "tokens"


# What `--sentence` takes, and how it differs where nothing else is set: a later stage must not undo the one before, and
# documents are told apart from those of the same step.
SENTENCE_STAGES: dict[str, dict[str, float]] = {"simcse": {"dropout": 0.1, "learning_rate": 1e-4, "batch": 32}}


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a model is.

    Attributes:
        layers: Of attention, or recurrent ones.
        hidden: Columns of a token's vector in each of them.
        heads: Of attention, a divisor of `hidden`.
    """

    layers: int
    hidden: int
    heads: int


# The smaller ones are those of Turc et al. 2019, https://arxiv.org/abs/1908.08962; the last one is BERT's own.
SIZES = {"tiny": Shape(2, 128, 2), "mini": Shape(4, 256, 4), "small": Shape(4, 512, 8), "base": Shape(12, 768, 12)}
DEFAULT_SIZE = "mini"


@dataclass(frozen=True)
class PretrainParams:
    """What every family takes."""

    # Whether positions turn the columns of a head in pairs.
    rotary: ClassVar[bool] = False
    layers: int | None = param(None, "layers; none: as --size has", minimum=1)
    hidden: int | None = param(None, "columns of a token's vector; none: as --size has", minimum=2)
    heads: int | None = param(None, "heads of attention; none: as --size has", minimum=1)
    context: int = param(128, "tokens that see each other, at most; longer documents are cut", minimum=8)
    # In minutes on a processor many small steps learn more than a few large ones.
    batch: int = param(8, "rows of `context` tokens in a step", minimum=1)
    epochs: int = param(1, "passes over the corpus", minimum=1)
    steps: int | None = param(None, "steps of the optimizer; none: what the epochs need, or --minutes allow", minimum=1)
    learning_rate: float = param(1e-3, "at its height", minimum=0)
    warmup: float = param(0.06, "share of the steps in which the learning rate rises", minimum=0, maximum=1)
    weight_decay: float = param(0.01, "of matrices; biases and norms have none", minimum=0)
    clip: float = param(1.0, "length that gradients are cut to", minimum=0)
    dropout: float = param(0.0, "share of numbers left out at random while training", minimum=0, maximum=0.9)
    objective: str = param("masked", "what is predicted", choices=ENCODER_OBJECTIVES)
    causal_share: float = param(0.5, "share of steps that are causal when the objective is mixed", minimum=0, maximum=1)
    mask_rate: float = param(0.2, "share of words masked", minimum=0.01, maximum=0.9)
    mask_rate_end: float | None = param(
        None, "the same at the last step, reached in a line; none: no change", minimum=0.01, maximum=0.9
    )
    whole_word: bool = param(True, "mask all pieces of a word, or none")
    temperature: float = param(0.05, "that cosines are divided by, with --sentence", minimum=1e-3)
    validation: float = param(0.01, "share of documents held out", minimum=0, maximum=0.5)
    validation_bytes: int = param(200_000, "bytes of them that are looked at, at most, but one document", minimum=1)
    evaluations: int = param(5, "how often they are looked at on the way", minimum=1)
    patience: int = param(0, "evaluations without a better loss before training stops; 0: never", minimum=0)
    precision: str = param("auto", "of products; auto: bfloat16 where it is the faster one", choices=PRECISIONS)

    def shape(self, size: str) -> Shape:
        """The shape named, with what was set changed.

        Raises:
            UsageError: an unknown size, heads that do not divide the columns, or rotary ones with an odd width.
        """
        if size not in SIZES:
            raise UsageError(f"unknown --size '{size}'", hint=did_you_mean(size, list(SIZES)))
        named = SIZES[size]
        hidden = self.hidden or named.hidden
        # Heads of the width that the size has.
        heads = self.heads or max(1, hidden // (named.hidden // named.heads))
        if hidden % heads:
            raise UsageError(f"hidden={hidden} is no multiple of heads={heads}", hint=f"--set heads={named.heads}")
        width = hidden // heads
        if self.rotary and width % 2:
            raise UsageError(
                f"hidden={hidden} heads={heads}: a head has {width} columns, and rotary positions turn them in pairs",
                hint=f"--set hidden={heads * (width + 1)}",
            )
        return Shape(self.layers or named.layers, hidden, heads)


@dataclass(frozen=True)
class FinetuneParams:
    """How a model is fine-tuned for a task."""

    epochs: int = param(3, "passes over the examples", minimum=1)
    batch: int = param(32, "examples in a step", minimum=1)
    learning_rate: float = param(1e-4, "at its height", minimum=0)
    warmup: float = param(0.1, "share of the steps in which the learning rate rises", minimum=0, maximum=1)
    weight_decay: float = param(0.01, "of matrices; biases and norms have none", minimum=0)
    clip: float = param(1.0, "length that gradients are cut to", minimum=0)
    dropout: float = param(0.1, "share of numbers left out at random while training", minimum=0, maximum=0.9)
    context: int | None = param(None, "tokens of an example that are read; none: as many as the model takes", minimum=8)
    precision: str = param("float32", "of products; bfloat16 pays for texts of 100 tokens or more", choices=PRECISIONS)
