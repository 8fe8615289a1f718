"""Parameters of pre-training and fine-tuning: model size, objective, optimization. Importing them needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tokit.errors import UsageError
from tokit.params import param
from tokit.registry import did_you_mean

# By the class that a model is saved as: transformers opens one as an encoder, the other as a decoder.
ENCODER_OBJECTIVES, DECODER_OBJECTIVES = ("masked", "mixed"), ("causal", "mixed")
PRECISIONS = ("auto", "float32", "bfloat16")
# What the head of a fine-tuned model predicts.
ONE_LABEL, SCORE, EACH_TOKEN = "label", "score", "tokens"
# Layers of each direction of an lstm, as the paper has them.
LSTM_LAYERS = 2

# Values of `--sentence`, and the defaults that they change: a later stage must not undo the one before, and documents
# are separated from those of the same step.
SENTENCE_STAGES: dict[str, dict[str, float]] = {"simcse": {"dropout": 0.1, "learning_rate": 1e-4, "batch_size": 32}}


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a model, in the words of transformers' configurations.

    Attributes:
        num_hidden_layers: Transformer or recurrent layers.
        hidden_size: Dimension of a token's vector in each of them.
        num_attention_heads: A divisor of `hidden_size`.
    """

    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int


# The smaller ones are those of Turc et al. 2019, https://arxiv.org/abs/1908.08962; the last one is BERT's own.
SIZES = {"tiny": Shape(2, 128, 2), "mini": Shape(4, 256, 4), "small": Shape(4, 512, 8), "base": Shape(12, 768, 12)}
DEFAULT_SIZE = "mini"


@dataclass(frozen=True)
class PretrainParams:
    """Parameters of every family."""

    # Rotary positions turn the dimensions of a head in pairs.
    rotary: ClassVar[bool] = False
    num_hidden_layers: int | None = param(None, "Number of layers; by default that of --size.", minimum=1)
    hidden_size: int | None = param(None, "Dimension of the token vectors; by default that of --size.", minimum=2)
    num_attention_heads: int | None = param(None, "Attention heads per layer; by default that of --size.", minimum=1)
    context_length: int = param(128, "Tokens per row; longer documents are split.", minimum=8)
    # In minutes on a processor many small steps learn more than a few large ones.
    batch_size: int = param(8, "Rows of --context-length tokens per step.", minimum=1)
    epochs: int = param(1, "Passes over the corpus.", minimum=1)
    max_steps: int | None = param(None, "Optimizer steps; by default from --epochs or --minutes.", minimum=1)
    learning_rate: float = param(1e-3, "Peak learning rate.", minimum=0)
    warmup_steps: float = param(
        0.06, "Steps of linear warmup; below 1, a fraction of all steps.", minimum=0, maximum=1e9
    )
    weight_decay: float = param(0.01, "Weight decay of matrices; biases and norms have none.", minimum=0)
    max_grad_norm: float = param(1.0, "Gradient-norm clipping; 0 is none.", minimum=0)
    dropout: float = param(0.0, "Dropout probability.", minimum=0, maximum=0.9)
    objective: str = param("masked", "Training objective.", choices=ENCODER_OBJECTIVES)
    causal_fraction: float = param(0.5, "Fraction of causal steps in a mixed objective.", minimum=0, maximum=1)
    mlm_probability: float = param(0.2, "Fraction of words to mask.", minimum=0.01, maximum=0.9)
    mlm_probability_end: float | None = param(
        None, "Fraction to mask at the last step, reached linearly.", minimum=0.01, maximum=0.9
    )
    whole_word_mask: bool = param(True, "Mask whole words, not single tokens.")
    temperature: float = param(0.05, "Temperature of the contrastive loss (--sentence).", minimum=1e-3)
    validation_fraction: float = param(0.01, "Fraction of documents to hold out.", minimum=0, maximum=0.5)
    validation_bytes: int = param(200_000, "Held-out bytes to evaluate on, at most.", minimum=1)
    evaluations: int = param(5, "Number of evaluations during training.", minimum=1)
    patience: int = param(0, "Stop after N evaluations without improvement; 0 is never.", minimum=0)
    precision: str = param("auto", "Precision of matrix products; auto is the faster one.", choices=PRECISIONS)

    def shape(self, size: str) -> Shape:
        """The shape of a named size, with the parameters that were set in place of its own.

        Raises:
            UsageError: an unknown size, a number of heads that does not divide the hidden size, or a head of odd
                dimension with rotary positions.
        """
        if size not in SIZES:
            raise UsageError(f"unknown --size '{size}'", hint=did_you_mean(size, list(SIZES)))
        named = SIZES[size]
        hidden = self.hidden_size or named.hidden_size
        # Heads of the dimension that the size has.
        heads = self.num_attention_heads or max(1, hidden // (named.hidden_size // named.num_attention_heads))
        if hidden % heads:
            raise UsageError(
                f"--hidden-size {hidden} is no multiple of the {heads} attention heads",
                hint=f"--num-attention-heads {named.num_attention_heads}",
            )
        dim = hidden // heads
        if self.rotary and dim % 2:
            raise UsageError(
                f"--hidden-size {hidden} with {heads} attention heads: rotary positions need heads of even dimension,"
                f" not {dim}",
                hint=f"--hidden-size {heads * (dim + 1)}",
            )
        return Shape(self.num_hidden_layers or named.num_hidden_layers, hidden, heads)


@dataclass(frozen=True)
class BertParams(PretrainParams):
    """Parameters of `bert`.

    Its norms stand behind the layers: at 2e-3 next to nothing is learned; 1e-3 is no better than this in short runs.
    """

    learning_rate: float = param(5e-4, "Peak learning rate.", minimum=0)


@dataclass(frozen=True)
class ModernBertParams(PretrainParams):
    """Parameters of `modernbert`: layers of global attention, and layers of local attention between them."""

    rotary: ClassVar[bool] = True
    local_attention: int = param(128, "Window of the local attention layers, in tokens.", minimum=2)
    global_attn_every_n_layers: int = param(3, "Every n-th layer attends to the whole document.", minimum=1)


@dataclass(frozen=True)
class LlamaParams(PretrainParams):
    """Parameters of `llama`, a decoder that predicts the next token."""

    rotary: ClassVar[bool] = True
    objective: str = param("causal", "Training objective.", choices=DECODER_OBJECTIVES)


@dataclass(frozen=True)
class LstmParams(PretrainParams):
    """Parameters of `lstm`. A token's vector has twice `hidden_size` dimensions, half of each direction; no heads."""

    num_hidden_layers: int | None = param(
        None, f"Layers of each direction; by default {LSTM_LAYERS}, for every size.", minimum=1
    )
    hidden_size: int | None = param(None, "Dimension of each direction; by default that of --size.", minimum=2)
    learning_rate: float = param(2e-3, "Peak learning rate.", minimum=0)
    objective: str = param("causal", "Training objective, in both directions.", choices=("causal",))

    def shape(self, size: str) -> Shape:
        """See the base; as an lstm has no heads, any hidden size will do."""
        layers, heads = self.num_hidden_layers or LSTM_LAYERS, self.num_attention_heads or 1
        return PretrainParams.shape(replace(self, num_hidden_layers=layers, num_attention_heads=heads), size)


@dataclass(frozen=True)
class FinetuneParams:
    """Parameters of fine-tuning."""

    epochs: int = param(3, "Passes over the examples.", minimum=1)
    batch_size: int = param(32, "Examples per step.", minimum=1)
    learning_rate: float = param(1e-4, "Peak learning rate.", minimum=0)
    warmup_steps: float = param(
        0.1, "Steps of linear warmup; below 1, a fraction of all steps.", minimum=0, maximum=1e9
    )
    weight_decay: float = param(0.01, "Weight decay of matrices; biases and norms have none.", minimum=0)
    max_grad_norm: float = param(1.0, "Gradient-norm clipping; 0 is none.", minimum=0)
    dropout: float = param(0.1, "Dropout probability.", minimum=0, maximum=0.9)
    context_length: int | None = param(
        None, "Truncate examples to N tokens; by default the model's context length.", minimum=8
    )
    precision: str = param(
        "float32", "Precision of matrix products; bfloat16 pays from 100 tokens on.", choices=PRECISIONS
    )
