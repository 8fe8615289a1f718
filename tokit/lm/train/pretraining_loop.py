"""Pre-training on the processor: one loop for all families.

It is fast because rows have no padding, the head runs on predicted tokens only, products are in bfloat16 where that is
faster, the optimizer step is fused, and batches are made in a thread of their own. It resumes to the same bits because
a batch depends on its number alone, and the training state is saved whole.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tokit.arrays import Pieces
from tokit.errors import TrainingError, UsageError
from tokit.lm.data.packed_batches import Batch, Batches, Masking, PackedRows
from tokit.lm.families.base import IGNORE_INDEX, LanguageModelFamily, Model
from tokit.lm.pretrain_params import PretrainParams
from tokit.lm.train.bf16_attention import attention_for
from tokit.lm.train.held_out import HeldOutTracker
from tokit.lm.train.job import Pretrained, PretrainJob
from tokit.lm.train.loss import PART, loss_and_gradient, pad_targets
from tokit.lm.train.optimizer import autocast, learning_rate_factor, new_optimizer, resolved_precision
from tokit.lm.train.pretraining_state import pack, unpack
from tokit.lm.train.step_planner import TIMED_STEPS, WARMING_STEPS, StepPlanner
from tokit.lm.train.validation import PSEUDO_TOKENS, Validation, Validator, model_input, pseudo_bits_per_byte
from tokit.progress import Progress
from tokit.storage.training_state import Checkpoints
from tokit.tokenizer.word_starts import word_starts

# Logits that the head makes at once, so that they stay near the processor: more tokens are taken in parts.
LOGITS_AT_ONCE = 1 << 21
# Name of an array in a training state.
STEPS = "steps"


class PretrainingLoop:
    """A run of the loop.

    Args:
        family: Family of the model.
        job: Inputs of the run.
        rows: The corpus in rows.
        model: Trained in place.
    """

    def __init__(self, family: type[LanguageModelFamily], job: PretrainJob, rows: PackedRows, model: Model) -> None:
        self._family, self._job, self._params = family, job, job.params
        self._rows, self._model = rows, model
        self._masking = masking_for(job.pieces, job.special, job.params)
        self._causal = family.causal or job.params.objective == "causal"
        self._precision = resolved_precision(job.params.precision)
        self._optimizer = new_optimizer(model, job.params)
        self._tracker = HeldOutTracker(family, model, self._new_validator(), job.params.patience)
        self._steps = 0
        self._step = 0
        self._saved = -1
        self._seconds = 0.0
        self._trained = 0

    def run(self) -> Pretrained:
        """Train until the last step, until patience runs out, or until the job is stopped."""
        with attention_for(self._model, self._precision):
            stopped = self._train()
        self._tracker.restore_best()
        return self._finished(stopped=stopped)

    def _train(self) -> bool:
        """Run the loop; True if patience ran out."""
        self._begin()
        self._model.train()
        stopped = False
        for batch in self._ahead():
            self._learn(batch)
            self._step += 1
            if self._step in self._evaluated_steps:
                stopped = self._evaluate()
            if stopped or self._job.stop.is_set():
                break
        return stopped

    def _finished(self, *, stopped: bool) -> Pretrained:
        pseudo = None
        if self._has_pseudo and not self._job.stop.is_set():
            pseudo = self._pseudo_bits_per_byte(PSEUDO_TOKENS)
        return Pretrained(
            model=self._model,
            steps=self._step,
            tokens=self._step * self._tokens_per_step,
            tokens_per_second=self._trained / max(self._seconds, 1e-9),
            losses=tuple(self._tracker.losses),
            evaluations=tuple(self._tracker.evaluations),
            score=self._tracker.score,
            pseudo_bits_per_byte=pseudo,
            stopped_early=stopped,
            precision=self._precision,
        )

    def _new_validator(self) -> Validator:
        params = self._params
        return Validation(
            self._job.held_out, self._masking, causal=self._causal, context=self._rows.context,
            rate=params.mlm_probability_end or params.mlm_probability, seed=self._job.seed,
        )  # fmt: skip

    @property
    def _has_pseudo(self) -> bool:
        return not self._causal and "mask" in self._job.special

    def _pseudo_bits_per_byte(self, tokens: int) -> float | None:
        held_out = self._job.held_out
        return pseudo_bits_per_byte(
            self._family, self._model, held_out, self._masking, self._rows.context, tokens=tokens
        )

    @property
    def _tokens_per_step(self) -> int:
        return self._params.batch_size * self._rows.context

    def _begin(self) -> None:
        checkpoints = self._job.checkpoints
        found = checkpoints.load() if checkpoints else None
        if checkpoints is not None and found is not None:
            with checkpoints.restoring():
                self._restore(*found)
            return
        self._steps = self._planned_steps()
        if checkpoints is not None:
            # The number of steps was measured: a run that is killed before its first checkpoint keeps it.
            self._save(checkpoints)

    def _planned_steps(self) -> int:
        if self._params.max_steps is not None:
            return self._params.max_steps
        if self._job.minutes is not None:
            return self._steps_for(self._job.minutes * 60)
        return max(1, math.ceil(self._params.epochs * self._rows.count / self._params.batch_size))

    def _steps_for(self, seconds: float) -> int:
        """Number of steps that fit into a time, measured with the model, which is restored afterwards."""
        initial = {name: value.clone() for name, value in self._model.state_dict().items()}
        steps = self._planner().steps(seconds, self._job.started)
        self._model.load_state_dict(initial)
        self._optimizer = new_optimizer(self._model, self._params)
        self._tracker.forget()
        self._seconds, self._trained = 0.0, 0
        return steps

    def _planner(self) -> StepPlanner:
        batches = self._batches(WARMING_STEPS + TIMED_STEPS)
        validator = self._tracker.validator
        return StepPlanner(
            take_step=lambda step: self._learn(batches.get(step)),
            evaluate=None if validator.empty else lambda: validator.score(self._family, self._model),
            measure_pseudo=self._pseudo_bits_per_byte if self._has_pseudo else None,
            evaluations=self._params.evaluations,
            rows_per_step=self._params.batch_size,
            stop=self._job.stop,
        )

    def _batches(self, steps: int) -> Batches:
        return Batches(self._rows, self._params, self._masking, self._job.seed, steps)

    def _ahead(self) -> Iterator[Batch]:
        """The batches from the next step on, each made while the previous one is trained on."""
        batches = self._batches(self._steps)
        with ThreadPoolExecutor(1) as maker:
            coming: Future[Batch] | None = None
            for step in range(self._step, self._steps):
                batch = coming.result() if coming else batches.get(step)
                coming = maker.submit(batches.get, step + 1) if step + 1 < self._steps else None
                yield batch

    def _learn(self, batch: Batch) -> None:
        began = time.perf_counter()
        self._set_learning_rate()
        if self._params.dropout:
            # Dropout depends on the step alone.
            torch.manual_seed(self._job.seed * 1_000_003 + self._step)
        loss = self._backward(batch)
        if not math.isfinite(loss):
            self._refuse(loss, batch)
        # A finite loss shows that the previous step left a model that can be resumed from.
        self._maybe_save()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), self._params.max_grad_norm or math.inf)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._tracker.add(loss)
        self._seconds += time.perf_counter() - began
        self._trained += batch.ids.size
        self._report_progress(loss)

    def _backward(self, batch: Batch) -> float:
        """Compute the gradients of the mean loss over the predicted tokens; return the loss."""
        if not len(batch.at):
            return 0.0
        inputs = model_input(batch.ids, batch.positions, batch.documents, causal=batch.causal)
        at, targets = pad_targets(batch.at, batch.targets)
        with autocast(self._precision):
            vectors, expected = self._family.predictors(self._model, inputs, at, targets)
        # Logits take much memory: the head runs on a part of the tokens at a time and accumulates their gradients.
        leaf, count = vectors.detach().requires_grad_(), int((expected != IGNORE_INDEX).sum())
        loss, part = 0.0, max(LOGITS_AT_ONCE // len(self._job.pieces) // PART * PART, PART)
        for chunk, labels in zip(torch.split(leaf, part), torch.split(expected, part), strict=True):
            with autocast(self._precision):
                logits = self._family.logits(self._model, chunk)
            nats, gradient = loss_and_gradient(logits.detach(), labels)
            logits.backward(gradient.div_(count).to(logits.dtype))  # type: ignore[no-untyped-call]
            loss += nats / count
        # When everything but the head is frozen, there is nothing below it to train.
        if vectors.requires_grad:
            vectors.backward(leaf.grad)  # type: ignore[no-untyped-call]
        return loss

    def _set_learning_rate(self) -> None:
        factor = learning_rate_factor(self._step, self._steps, self._params.warmup_steps)
        for group in self._optimizer.param_groups:
            group["lr"] = self._params.learning_rate * factor

    def _refuse(self, loss: float, batch: Batch) -> None:
        saved = f"; {self._job.checkpoints.path} holds the last good state" if self._job.checkpoints else ""
        raise TrainingError(
            f"the loss of step {self._step} is {loss}: batch of rows {', '.join(map(str, batch.rows[:4].tolist()))}, …"
            f" of {self._rows.context} tokens{saved}",
            hint="train anew, without --resume, at a lower --learning-rate, or with --precision float32",
        )

    @cached_property
    def _evaluated_steps(self) -> set[int]:
        """Numbers of steps after which the model is evaluated."""
        count = min(self._params.evaluations, self._steps)
        return {round(self._steps * (number + 1) / count) for number in range(count)}

    def _evaluate(self) -> bool:
        """Evaluate the model; True if patience ran out."""
        return self._tracker.evaluate(self._step, self._step * self._tokens_per_step)

    def _report_progress(self, loss: float) -> None:
        note = f"loss {loss:.3f}, {self._trained / max(self._seconds, 1e-9):,.0f} tokens/s"
        if self._tracker.evaluations:
            last = self._tracker.evaluations[-1]
            bits = "" if last.bits_per_byte is None else f", {last.bits_per_byte:.3f} bits/byte"
            note += f", held out {last.loss:.3f}{bits}"
        done = (self._step + 1) * self._tokens_per_step
        self._job.tick(Progress("training", done, self._steps * self._tokens_per_step or None, "tokens", note))

    def _maybe_save(self) -> None:
        checkpoints = self._job.checkpoints
        if checkpoints is None or self._step == self._saved or not self._steps:
            return
        every = max(1, checkpoints.every // self._tokens_per_step)
        if self._step % every == 0:
            self._save(checkpoints)

    def _save(self, checkpoints: Checkpoints) -> None:
        if self._job.stop.is_set():
            # The measurement of the number of steps may have been interrupted.
            return
        checkpoints.save(self._state(), self._step)
        self._saved = self._step

    def _state(self) -> dict[str, npt.NDArray[Any]]:
        """Everything that the next step and the final report depend on."""
        state = pack(self._model, self._optimizer, self._tracker.best)
        return {**state, STEPS: np.array(self._steps), **self._tracker.arrays()}

    def _restore(self, state: Mapping[str, npt.NDArray[Any]], step: int) -> None:
        self._tracker.restore(state, unpack(state, self._model, self._optimizer))
        self._step, self._saved, self._steps = step, step, int(state[STEPS])
        if self._step > self._steps:
            raise ValueError(self._step)


def masking_for(pieces: Pieces, special: dict[str, int], params: PretrainParams) -> Masking:
    """Masking of words or single tokens, as the parameters say.

    Raises:
        UsageError: tokens are to be masked, and the tokenizer has no mask token.
    """
    if params.objective != "causal" and "mask" not in special:
        raise UsageError("the tokenizer has no mask token", hint="--objective causal")
    begins = word_starts(pieces) if params.whole_word_mask else np.ones(len(pieces), dtype=np.bool_)
    return Masking(begins, pieces.special, special.get("mask", 0))
