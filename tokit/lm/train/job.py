"""What a pre-training is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from tokit.arrays import Pieces
from tokit.ids.stream import IdStream
from tokit.lm.families.base import Model
from tokit.lm.pretrain_params import PretrainParams, Shape
from tokit.lm.train.validation import HeldOut
from tokit.progress import Tick, silent
from tokit.storage.training_state import Checkpoints


@dataclass(frozen=True, slots=True)
class PretrainJob:
    """All that a model learns from.

    Attributes:
        stream: Ids of the corpus, each document framed by the template's special tokens.
        held_out: Documents that are not trained on.
        pieces: What each id stands for.
        special: Role → id.
        shape: Of a new model.
        params: The family's own.
        seed: Of weights, order and masks.
        threads: That torch computes with.
        minutes: Time for the training; None takes `params`' steps or epochs.
        started: When the work began, by `time.monotonic`.
        tick: Progress.
        checkpoints: Where the state is kept on the way.
        begin: Given what makes a new model, returns the one to train: changed, partly frozen, or out of a folder.
        sentence: Learn vectors of documents, see `sentences.py`; what is predicted else is not.
        stop: Set it, and the training ends soon; what it returns is then of no use.
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
    begin: Callable[[Callable[[], Model]], Model] | None = None
    sentence: bool = False
    stop: Event = field(default_factory=Event)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A look at the held-out documents."""

    step: int
    tokens: int
    loss: float
    bits_per_byte: float | None


@dataclass(frozen=True, slots=True)
class Pretrained:
    """What a training gave.

    Attributes:
        model: With its head.
        steps: That were taken; fewer than were planned when it stopped early.
        tokens: That were looked at.
        tokens_per_second: Of the training loop, evaluations left out.
        losses: Mean loss of the steps between evaluations.
        evaluations: On held-out documents.
        score: That of the evaluations which the model's weights had.
        pseudo_bits_per_byte: Of a masked one, at the end.
        stopped_early: Whether patience ran out.
        precision: Of the products.
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
