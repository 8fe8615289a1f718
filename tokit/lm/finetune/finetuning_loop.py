"""Fine-tuning loop: a model with a head for a task, trained on labeled examples.

Devlin et al. 2019, https://aclanthology.org/N19-1423: all layers are trained, the head from random weights. Batches
hold examples of similar length, so that there is little padding; they depend on the seed alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import transformers
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from tokit.arrays import Ids, IntArray
from tokit.errors import ArtifactError, TrainingError
from tokit.lm.checkpoint import set_dropout
from tokit.lm.data.packed_batches import ORDER, draw
from tokit.lm.data.padding import by_length, padded
from tokit.lm.families.base import IGNORE_INDEX, Model
from tokit.lm.folder.weights import load_weights, open_config
from tokit.lm.pretrain_params import EACH_TOKEN, ONE_LABEL, SCORE, FinetuneParams
from tokit.lm.train.freeze import freeze
from tokit.lm.train.optimizer import autocast, learning_rate_factor, new_optimizer, resolved_precision
from tokit.lm.train.pretraining_state import pack, unpack
from tokit.progress import Progress, Tick, silent
from tokit.storage.training_state import Checkpoints

# Names in a checkpoint.
LOSSES, RANDOM = "losses", "random"
# Number of batches whose examples are sorted by length together.
SORTED_TOGETHER = 32
# In bfloat16 the length of rows is a multiple of this.
MULTIPLE = 16


@dataclass(frozen=True, slots=True)
class EncodedExamples:
    """Ids and targets of examples.

    Attributes:
        ids: Each example with the template's special tokens.
        types: Token type ids of pairs, flat as the ids are; None for single texts.
        targets: Label number or score of each example; or label number of each token, flat as the ids are.
    """

    ids: Ids
    types: IntArray | None
    targets: npt.NDArray[Any]

    @property
    def lengths(self) -> IntArray:
        """Number of tokens of each example."""
        return self.ids.lengths


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneJob:
    """Inputs of a fine-tuning run.

    Attributes:
        folder: Folder of the model.
        kind: "label", "score" or "tokens": what the head predicts.
        labels: Names of the labels; empty for a score.
        train: Training examples.
        held_out: Examples to predict after training.
        pad: Padding id.
        params: Parameters of the training.
        freeze: Layers that are not trained.
        seed: Seed of the head, the order of examples and dropout.
        threads: Threads of torch.
        checkpoints: Where and how often, in examples, the training state is saved.
        tick: Progress.
        stop: Set it to end the training soon; its result is not to be used then.
    """

    folder: Path
    kind: str
    labels: tuple[str, ...]
    train: EncodedExamples
    held_out: EncodedExamples
    pad: int
    params: FinetuneParams
    freeze: tuple[str, ...] = ()
    seed: int = 0
    threads: int = 1
    checkpoints: Checkpoints | None = None
    tick: Tick = silent
    stop: Event = field(default_factory=Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finetuned:
    """Result of a fine-tuning run.

    Attributes:
        model: With its head.
        predictions: Label numbers or scores of the held-out examples; for tokens flat as the ids are.
        steps: Number of optimizer steps.
        losses: Mean training loss of each epoch.
        examples_per_second: Training speed.
        precision: Precision of matrix products.
        frozen: Number of parameters that were not trained.
    """

    model: Model
    predictions: npt.NDArray[Any]
    steps: int
    losses: tuple[float, ...]
    examples_per_second: float
    precision: str
    frozen: int


def load_model(job: FinetuneJob) -> Model:
    """Load a model with a randomly initialized head for the task.

    Raises:
        ArtifactError: there is no model, it is damaged, or transformers has no such head for it.
    """
    config = open_config(job.folder)
    set_dropout(config, job.params.dropout)
    config.pad_token_id = job.pad
    heads = (
        transformers.AutoModelForTokenClassification
        if job.kind == EACH_TOKEN
        else (transformers.AutoModelForSequenceClassification)
    )
    if type(config) not in heads._model_mapping:
        raise ArtifactError(
            f"{job.folder}: transformers has no head for this task on '{config.model_type}'", hint="use another model"
        )
    names = job.labels or ("score",)
    config.num_labels = len(names)
    config.id2label, config.label2id = dict(enumerate(names)), {name: i for i, name in enumerate(names)}
    config.problem_type = {ONE_LABEL: "single_label_classification", SCORE: "regression"}.get(job.kind)
    torch.manual_seed(job.seed)
    model, _ = load_weights(job.folder, heads, config, new_head=True)
    bias = getattr(getattr(model, "classifier", None), "bias", None)
    if job.kind == SCORE and bias is not None:
        # Scores may be large, and optimizer steps are small.
        bias.data.fill_(float(job.train.targets.mean()))
    return model


def run_finetuning(job: FinetuneJob) -> Finetuned:
    """Train a model with its head, and predict the held-out examples.

    Raises:
        UsageError: the model does not have a layer that is to be frozen.
        TrainingError: the loss is not finite.
        ArtifactError: see `load_model`.
    """
    torch.set_num_threads(job.threads)
    return FinetuningLoop(job, load_model(job)).run()


class FinetuningLoop:
    """A run of the loop.

    Args:
        job: Inputs of the run.
        model: Trained in place.
    """

    def __init__(self, job: FinetuneJob, model: Model) -> None:
        self._job, self._model = job, model
        self._frozen = freeze(model, job.freeze)
        self._precision = resolved_precision(job.params.precision)
        # Matrix products in bfloat16 are compiled for each shape, which takes seconds.
        self._multiple = MULTIPLE if self._precision == "bfloat16" else 1
        self._optimizer = new_optimizer(model, job.params)
        self._typed = int(getattr(model.config, "type_vocab_size", 0) or 0) > 1
        self._steps_per_epoch = math.ceil(len(job.train.ids) / job.params.batch_size)
        self._steps = job.params.epochs * self._steps_per_epoch
        self._step = self._saved = 0
        # Mean loss of each epoch so far, and the sum of the present one.
        self._losses: list[float] = []
        self._sum = 0.0

    def run(self) -> Finetuned:
        """Train to the end, and predict."""
        self._restore()
        self._model.train()
        began, before = time.perf_counter(), self._step
        for epoch in range(len(self._losses), self._job.params.epochs):
            self._train_epoch(epoch)
        seconds = time.perf_counter() - began
        self._model.eval()
        fraction = (self._steps - before) / self._steps
        speed = fraction * self._job.params.epochs * len(self._job.train.ids) / max(seconds, 1e-9)
        return Finetuned(
            model=self._model,
            predictions=self._predict(self._job.held_out),
            steps=self._steps,
            losses=tuple(self._losses),
            examples_per_second=speed,
            precision=self._precision,
            frozen=self._frozen,
        )

    def _train_epoch(self, epoch: int) -> None:
        """Train on the examples, or on those of its batches that a checkpoint left."""
        batches = shuffled(self._job.train.lengths, self._job.params.batch_size, self._job.seed, epoch)
        for numbers in islice(batches, self._step - epoch * self._steps_per_epoch, None):
            if self._job.stop.is_set():
                break
            self._sum += self._learn(numbers) * len(numbers)
        self._losses.append(self._sum / len(self._job.train.ids))
        self._sum = 0.0

    def _restore(self) -> None:
        """Continue from a checkpoint, if there is one."""
        checkpoints = self._job.checkpoints
        found = checkpoints.load() if checkpoints else None
        if checkpoints is None or found is None:
            return
        state, self._step = found
        self._saved = self._step
        with checkpoints.restoring():
            unpack(state, self._model, self._optimizer)
            *self._losses, self._sum = state[LOSSES].tolist()
            if (
                state[LOSSES].ndim != 1
                or self._step >= self._steps
                or len(self._losses) != self._step // self._steps_per_epoch
            ):
                raise ValueError(self._step)
            torch.set_rng_state(torch.from_numpy(state[RANDOM].astype(np.uint8)))

    def _maybe_save(self, random: Tensor) -> None:
        """Save what the present step depends on, when it is time.

        Args:
            random: State of torch's generator before the step: dropout draws from it.
        """
        checkpoints = self._job.checkpoints
        if checkpoints is None or self._step == self._saved or self._job.stop.is_set():
            return
        if self._step % max(1, checkpoints.every // self._job.params.batch_size) == 0:
            losses = np.array([*self._losses, self._sum])
            state = pack(self._model, self._optimizer, {})
            checkpoints.save({**state, LOSSES: losses, RANDOM: random.numpy().astype(np.int64)}, self._step)
            self._saved = self._step

    def _learn(self, numbers: IntArray) -> float:
        """Take one step; return its loss."""
        params, random = self._job.params, torch.get_rng_state()
        for group in self._optimizer.param_groups:
            group["lr"] = params.learning_rate * learning_rate_factor(self._step, self._steps, params.warmup_steps)
        with autocast(self._precision):
            logits = self._logits(self._job.train, numbers)
        loss = self._loss(logits.float(), numbers)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss of step {self._step} is {value}", hint="lower --learning-rate, or --precision float32"
            )
        # A finite loss shows that the previous step left a model that can be resumed from.
        self._maybe_save(random)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), params.max_grad_norm or math.inf)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._step += 1
        done = min(self._step * params.batch_size, params.epochs * len(self._job.train.ids))
        total = params.epochs * len(self._job.train.ids)
        self._job.tick(Progress("fine-tuning", done, total, "examples", f"loss {value:.3f}"))
        return value

    def _logits(self, examples: EncodedExamples, numbers: IntArray) -> Tensor:
        rows, real = padded(examples.ids.data, examples.ids.ends, numbers, self._job.pad, self._multiple)
        more = {}
        if examples.types is not None and self._typed:
            more["token_type_ids"] = torch.from_numpy(
                padded(examples.types, examples.ids.ends, numbers, 0, self._multiple)[0]
            )
        mask = torch.from_numpy(real.astype(np.int64))
        return self._model(input_ids=torch.from_numpy(rows), attention_mask=mask, **more).logits  # type: ignore[no-any-return]

    def _loss(self, logits: Tensor, numbers: IntArray) -> Tensor:
        targets = self._job.train.targets
        if self._job.kind == SCORE:
            return mse_loss(logits[:, 0], torch.from_numpy(targets[numbers].astype(np.float32)))
        if self._job.kind == ONE_LABEL:
            return cross_entropy(logits, torch.from_numpy(targets[numbers]))
        labels, _ = padded(targets, self._job.train.ids.ends, numbers, IGNORE_INDEX, self._multiple)
        count = max(int((labels != IGNORE_INDEX).sum()), 1)
        flat = torch.from_numpy(labels).flatten()
        return cross_entropy(logits.flatten(0, 1), flat, ignore_index=IGNORE_INDEX, reduction="sum") / count

    def _predict(self, examples: EncodedExamples) -> npt.NDArray[Any]:
        """Predictions in float32, in the order of the examples."""
        each_token = self._job.kind == EACH_TOKEN
        size = len(examples.ids.data) if each_token else len(examples.ids)
        predictions = np.zeros(size, dtype=np.float32 if self._job.kind == SCORE else np.int64)
        starts = examples.ids.ends - examples.lengths
        with torch.no_grad():
            for numbers in by_length(examples.lengths):
                logits = self._logits(examples, numbers)
                if self._job.kind == SCORE:
                    predictions[numbers] = logits[:, 0].numpy()
                elif not each_token:
                    predictions[numbers] = logits.argmax(dim=1).numpy()
                else:
                    for number, row in zip(numbers.tolist(), logits.argmax(dim=2).numpy(), strict=True):
                        length = int(examples.lengths[number])
                        predictions[starts[number] : starts[number] + length] = row[:length]
        return predictions


def shuffled(lengths: IntArray, batch: int, seed: int, epoch: int) -> Iterator[IntArray]:
    """Shuffled batches of an epoch, each of examples of similar length.

    Args:
        lengths: Number of tokens of each example.
        batch: Examples per batch; the last ones may have fewer.
        seed: Seed of the order.
        epoch: Number of the epoch; each has an order of its own.
    """
    random = draw(seed, ORDER, epoch)
    order = random.permutation(len(lengths))
    batches = []
    for first in range(0, len(order), batch * SORTED_TOGETHER):
        group = order[first : first + batch * SORTED_TOGETHER]
        group = group[np.argsort(lengths[group], kind="stable")]
        batches += [group[at : at + batch] for at in range(0, len(group), batch)]
    for number in random.permutation(len(batches)).tolist():
        yield batches[number]
