"""Manifests of language models: as transformers loads them, and for ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tokit.storage.manifests import CorpusFacts, Manifest
from tokit.storage.warm_start_facts import WarmStartFacts


@dataclass(frozen=True, kw_only=True)
class HeldOutFacts:
    """Documents that a language model was evaluated on, and its results.

    Attributes:
        documents: Number of documents.
        bytes: Size of their text.
        loss: Mean loss of a prediction, in nats; None when too little text was held out.
        bits_per_byte: Of a causal model; None for others.
        pseudo_bits_per_byte: Of a masked model, one token masked at a time; None for others.
    """

    documents: int
    bytes: int
    loss: float | None
    bits_per_byte: float | None
    pseudo_bits_per_byte: float | None


@dataclass(frozen=True, kw_only=True)
class PretrainFacts:
    """Pre-training of a language model.

    Attributes:
        size: Name of the size; None for the shape of a checkpoint.
        shape: Numbers of layers and heads, and the dimension.
        sentence: Name of the sentence stage, if it was one.
        minutes: Time limit, if there was one.
        stopped_early: Whether the evaluations did not improve any longer.
        evaluations: Results on the way.
        held_out: Results at the end.
    """

    size: str | None
    shape: dict[str, int]
    sentence: str | None
    minutes: float | None
    stopped_early: bool
    evaluations: list[dict[str, Any]]
    held_out: HeldOutFacts


@dataclass(frozen=True, kw_only=True)
class TaskFacts:
    """Task that a language model was fine-tuned for.

    Attributes:
        name: "classify", "tokens" or "pairs".
        labels: Empty for pairs with scores.
        examples: Number of training examples.
        held_out: Number of held-out examples.
        scores: Metrics on those.
    """

    name: str
    labels: tuple[str, ...]
    examples: int
    held_out: int
    scores: dict[str, float | None]


@dataclass(frozen=True, kw_only=True)
class LanguageModelManifest(Manifest):
    """A language model: pre-trained or fine-tuned.

    Attributes:
        context_length: Number of tokens that the model takes, those of the template included.
        special_ids: Role → id.
        freeze: Patterns of layers that were not trained.
        losses: Mean loss of each stretch of the training.
        warm_start: None for random initial weights.
        pretraining: Set for a pre-trained model.
        task: Set for a fine-tuned one.
    """

    kind = "language-model"
    libraries = (*Manifest.libraries, "torch", "transformers")

    family: str
    vocab_size: int
    dim: int
    context_length: int
    params: dict[str, Any]
    tokenizer_family: str
    tokenizer_sha256: str
    special_ids: dict[str, int]
    freeze: tuple[str, ...] = ()
    steps: int
    losses: tuple[float, ...]
    precision: str
    seed: int
    threads: int
    reproducible: bool
    corpus: CorpusFacts
    warm_start: WarmStartFacts | None = None
    pretraining: PretrainFacts | None = None
    task: TaskFacts | None = None


@dataclass(frozen=True, kw_only=True)
class OnnxManifest(Manifest):
    """A language model for ONNX Runtime.

    Attributes:
        int8: Whether there is a quantized model, too.
        pooling: Steps from the vectors of tokens to that of a document.
        weights_sha256: Of the model that was exported; None when its weights lie in several files.
    """

    kind = "onnx-model"

    family: str
    vocab_size: int
    dim: int
    context_length: int
    int8: bool
    pooling: tuple[str, ...] = ("mean",)
    weights_sha256: str | None
    tokenizer_sha256: str
