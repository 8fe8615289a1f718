"""Inputs and results of a pre-training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event

from tokit.arrays import Pieces
from tokit.ids.stream import IdStream
from tokit.lm.checkpoint import WarmStart
from tokit.lm.families.base import Model
from tokit.lm.pretrain_params import PretrainParams, Shape
from tokit.lm.train.validation import HeldOut
from tokit.progress import Tick, silent
from tokit.storage.training_state import Checkpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainJob:
    """Inputs of a pre-training run.

    Attributes:
        stream: Ids of the corpus, each document with the template's special tokens.
        held_out: Documents that are not trained on.
        pieces: Text of each token id.
        special: Special tokens, role → id.
        shape: Shape of a new model.
        params: Parameters of the family.
        seed: Seed of weights, order and masks.
        threads: Threads of torch.
        minutes: Time for the whole run; None takes `params`' steps or epochs.
        started: When the run began, by `time.monotonic`.
        tick: Progress.
        checkpoints: Where and how often the training state is saved.
        warm_start: Initial weights and frozen layers.
        sentence: Train document vectors, see `simcse.py`, instead of predicting tokens.
        stop: Set it to end the training soon; its result is not to be used then.
    """

    stream: IdStream
    held_out: HeldOut
    pieces: Pieces
    special: dict[str, int]
    shape: Shape
    params: PretrainParams
    seed: int = 0
    threads: int = 1
    minutes: float | None = None
    started: float = 0.0
    tick: Tick = silent
    checkpoints: Checkpoints | None = None
    warm_start: WarmStart = field(default_factory=WarmStart)
    sentence: bool = False
    stop: Event = field(default_factory=Event)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation on held-out documents.

    Attributes:
        step: Number of steps taken.
        tokens: Number of tokens trained on.
        loss: In nats per predicted token.
        bits_per_byte: See `validation.Score`.
    """

    step: int
    tokens: int
    loss: float
    bits_per_byte: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretrained:
    """Result of a pre-training run.

    Attributes:
        model: With the head of its objective.
        steps: Number of steps taken; fewer than planned when it stopped early.
        tokens: Number of tokens trained on.
        tokens_per_second: Speed of the training loop without its evaluations.
        losses: Mean training loss between evaluations, in nats.
        evaluations: On held-out documents.
        score: The evaluation of the model's final weights.
        pseudo_bits_per_byte: Pseudo-likelihood of a masked model after training.
        stopped_early: Whether patience ran out.
        precision: Precision of matrix products.
    """

    model: Model
    steps: int
    tokens: int
    tokens_per_second: float
    losses: tuple[float, ...]
    evaluations: tuple[Evaluation, ...]
    score: Evaluation | None
    pseudo_bits_per_byte: float | None
    stopped_early: bool
    precision: str
