"""Pre-training on the processor: one loop for all families.

What makes it fast: rows without padding, the head only where something is predicted, products in bfloat16 where
those are faster, one fused step of the optimizer, and batches made in a thread of their own. What makes it go on
after a kill to the same bits: a batch depends on its number alone, and the state is saved whole.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokit.arrays import Pieces
from tokit.errors import TrainingError, UsageError
from tokit.lm.data.packed_batches import Batch, Batches, Masking, PackedRows
from tokit.lm.families.base import IGNORE_INDEX, LanguageModelFamily, Model
from tokit.lm.pretrain_params import PretrainParams
from tokit.lm.train.bf16_attention import attention_for
from tokit.lm.train.job import Evaluation, Pretrained, PretrainJob
from tokit.lm.train.loss import PART, loss_and_gradient, pad_targets
from tokit.lm.train.optimizer import autocast, learning_rate_factor, new_optimizer, resolved_precision
from tokit.lm.train.pretraining_state import packed, unique_state, unpack
from tokit.lm.train.validation import (
    PSEUDO_TOKENS,
    Score,
    Validation,
    Validator,
    model_input,
    pseudo_bits_per_byte,
)
from tokit.progress import Progress
from tokit.storage.training_state import Checkpoints
from tokit.tokenizer.word_starts import word_starts

# Numbers that the head makes at once, which should stay near the processor: more tokens are taken in turns.
LOGITS_AT_ONCE = 1 << 21
# Steps that are timed for --minutes, after some that warm up: at least so many, and for a share of the time or for so
# many seconds, so that a moment in which the machine was busy does not count. And the share that is planned for.
WARMING_STEPS, TIMED_STEPS, TIMED, TIMED_SECONDS, PLANNED = 2, 5, 0.02, 12.0, 0.96
# Of the pseudo-likelihood, one part of so many is timed.
TIMED_PART = 10
STEPS, LOSSES, SCORES = "steps", "losses", "scores"


def pretrain(family: type[LanguageModelFamily], job: PretrainJob) -> Pretrained:
    """Train a model.

    Raises:
        TrainingError: too little text, or a loss that is not finite.
        ArtifactError: the checkpoint is of another training.
    """
    torch.set_num_threads(job.threads)
    rows = PackedRows(job.stream, job.params.context_length)
    if rows.count == 0:
        raise TrainingError("the corpus has no two tokens in a row", hint="give more text")
    torch.manual_seed(job.seed)

    def fresh() -> Model:
        return family.build(family.config(len(job.pieces), job.special, job.shape, job.params))

    model = fresh() if job.begin is None else job.begin(fresh)
    if job.sentence:
        from tokit.lm.train.simcse import SimCseLoop

        return SimCseLoop(family, job, rows, model).run()
    return PretrainingLoop(family, job, rows, model).run()


class PretrainingLoop:
    """A run of the loop.

    Args:
        family: How the model is called.
        job: What to learn from.
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
        self._validation: Validator = Validation(
            job.held_out, self._masking, causal=self._causal, context=rows.context,
            rate=job.params.mlm_probability_end or job.params.mlm_probability, seed=job.seed,
        )  # fmt: skip
        self._steps = 0
        self._step = 0
        self._saved = -1
        self._sum = np.zeros(2)
        self._losses: list[float] = []
        self._evaluations: list[Evaluation] = []
        self._best: dict[str, Tensor] = {}
        self._seconds = 0.0
        self._trained = 0

    def run(self) -> Pretrained:
        """Train to the end, or until the job is stopped or patience runs out."""
        with attention_for(self._model, self._precision):
            stopped = self._train()
        if self._best:
            self._model.load_state_dict(self._best, strict=False)
        return self._finished(stopped=stopped)

    def _train(self) -> bool:
        """The loop; whether patience ran out."""
        self._begin()
        self._model.train()
        stopped = False
        for batch in self._ahead():
            self._learn(batch)
            self._step += 1
            if self._step in self._turning_points():
                stopped = self._look()
            if stopped or self._job.stop.is_set():
                break
        return stopped

    def _finished(self, *, stopped: bool) -> Pretrained:
        pseudo = None
        if self._has_pseudo and not self._job.stop.is_set():
            held = self._job.held_out
            pseudo = pseudo_bits_per_byte(self._family, self._model, held, self._masking, self._rows.context)
        best = min(self._evaluations, key=lambda each: each.loss) if self._best else None
        last = best or (self._evaluations[-1] if self._evaluations else None)
        return Pretrained(
            self._model, self._step, self._step * self._tokens_of_step, self._trained / max(self._seconds, 1e-9),
            tuple(self._losses), tuple(self._evaluations), last, pseudo, stopped, self._precision,
        )  # fmt: skip

    @property
    def _has_pseudo(self) -> bool:
        return not self._causal and "mask" in self._job.special

    @property
    def _tokens_of_step(self) -> int:
        return self._params.batch_size * self._rows.context

    def _begin(self) -> None:
        found = self._job.checkpoints.load() if self._job.checkpoints else None
        if found is not None:
            self._restore(*found)
            return
        self._steps = self._planned()
        if self._job.checkpoints is not None:
            # How many steps there are was measured: a run that is killed before its first checkpoint keeps to it.
            self._save(self._job.checkpoints)

    def _planned(self) -> int:
        if self._params.max_steps is not None:
            return self._params.max_steps
        if self._job.minutes is not None:
            return self._calibrated(self._job.minutes * 60)
        return max(1, math.ceil(self._params.epochs * self._rows.count / self._params.batch_size))

    def _calibrated(self, seconds: float) -> int:
        """Steps that fit into so many seconds, by the time that some take; the model is as before afterwards."""
        kept = {name: value.clone() for name, value in self._model.state_dict().items()}
        batches = self._batches(WARMING_STEPS + TIMED_STEPS)
        times: list[float] = []
        enough = min(TIMED * seconds, TIMED_SECONDS)
        while len(times) < WARMING_STEPS + TIMED_STEPS or sum(times) < enough:
            began = time.perf_counter()
            self._learn(batches.get(len(times)))
            times.append(time.perf_counter() - began)
            if self._job.stop.is_set():
                # Nothing is made of the plan: see `_save`.
                return 1
        step = float(np.median(times[WARMING_STEPS:]))
        looks = 0.0
        if not self._validation.empty:
            began = time.perf_counter()
            self._validation.score(self._family, self._model)
            looks = (time.perf_counter() - began) * (self._params.evaluations + 1)
        if self._has_pseudo and not self._validation.empty:
            # A token that is looked at costs less than one that is learned, whatever disturbed the measurement.
            most = step * PSEUDO_TOKENS * self._rows.context / self._tokens_of_step
            looks += min(self._seconds_of_pseudo(), most)
        self._model.load_state_dict(kept)
        self._optimizer = new_optimizer(self._model, self._params)
        self._sum[:], self._seconds, self._trained = 0, 0.0, 0
        left = (seconds - (time.monotonic() - self._job.started)) * PLANNED - looks
        return max(1, int(left / step))

    def _seconds_of_pseudo(self) -> float:
        """What measuring the pseudo-likelihood will take, by the time that a part of it takes."""
        began = time.perf_counter()
        some = PSEUDO_TOKENS // TIMED_PART
        held = self._job.held_out
        pseudo_bits_per_byte(self._family, self._model, held, self._masking, self._rows.context, tokens=some)
        return (time.perf_counter() - began) * TIMED_PART

    def _batches(self, steps: int) -> Batches:
        return Batches(self._rows, self._params, self._masking, self._job.seed, steps)

    def _ahead(self) -> Iterator[Batch]:
        """The batches from the next step on, each made while the one before is learned."""
        batches = self._batches(self._steps)
        with ThreadPoolExecutor(1) as maker:
            coming: Future[Batch] | None = None
            for step in range(self._step, self._steps):
                batch = coming.result() if coming else batches.get(step)
                coming = maker.submit(batches.get, step + 1) if step + 1 < self._steps else None
                yield batch

    def _learn(self, batch: Batch) -> None:
        began = time.perf_counter()
        self._set_rate()
        if self._params.dropout:
            # What is left out depends on the step alone.
            torch.manual_seed(self._job.seed * 1_000_003 + self._step)
        loss = self._backward(batch)
        if not math.isfinite(loss):
            self._refuse(loss, batch)
        # Only now is it known that the step before left a model that can go on.
        self._maybe_save()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), self._params.max_grad_norm or math.inf)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._sum += (loss, 1)
        self._seconds += time.perf_counter() - began
        self._trained += batch.ids.size
        self._tell(loss)

    def _backward(self, batch: Batch) -> float:
        """Gradients of the mean loss of what is predicted; the loss."""
        if not len(batch.at):
            return 0.0
        row = model_input(batch.ids, batch.positions, batch.documents, causal=batch.causal)
        at, targets = pad_targets(batch.at, batch.targets)
        with autocast(self._precision):
            wanted, expected = self._family.predictors(self._model, row, at, targets)
        # The head's numbers are many: a part of them at a time, and its share of the gradient kept.
        leaf, count = wanted.detach().requires_grad_(), int((expected != IGNORE_INDEX).sum())
        loss, part = 0.0, max(LOGITS_AT_ONCE // len(self._job.pieces) // PART * PART, PART)
        for some, right in zip(torch.split(leaf, part), torch.split(expected, part), strict=True):
            with autocast(self._precision):
                logits = self._family.logits(self._model, some)
            share, gradient = loss_and_gradient(logits.detach(), right)
            logits.backward(gradient.div_(count).to(logits.dtype))  # type: ignore[no-untyped-call]
            loss += share / count
        # When all but the head is frozen there is nothing below it to learn.
        if wanted.requires_grad:
            wanted.backward(leaf.grad)  # type: ignore[no-untyped-call]
        return loss

    def _set_rate(self) -> None:
        rate = self._params.learning_rate * learning_rate_factor(self._step, self._steps, self._params.warmup_ratio)
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    def _refuse(self, loss: float, batch: Batch) -> None:
        kept = f"; {self._job.checkpoints.path} holds the last good state" if self._job.checkpoints else ""
        raise TrainingError(
            f"the loss of step {self._step} is {loss}: batch of rows {', '.join(map(str, batch.rows[:4].tolist()))}, …"
            f" of {self._rows.context} tokens{kept}",
            hint="begin again, without --resume, at a lower --learning-rate, or with --precision float32",
        )

    def _turning_points(self) -> set[int]:
        """Steps after which the held-out documents are looked at."""
        looks = min(self._params.evaluations, self._steps)
        return {round(self._steps * (look + 1) / looks) for look in range(looks)}

    def _look(self) -> bool:
        """Note the losses; whether patience ran out."""
        self._losses.append(float(self._sum[0] / max(self._sum[1], 1)))
        self._sum[:] = 0
        if self._validation.empty:
            return False
        score: Score = self._validation.score(self._family, self._model)
        self._evaluations.append(
            Evaluation(self._step, self._step * self._tokens_of_step, score.loss, score.bits_per_byte)
        )
        losses = [each.loss for each in self._evaluations]
        if not self._params.patience:
            return False
        if losses[-1] == min(losses):
            self._best = {name: value.clone() for name, value in unique_state(self._model).items()}
        return len(losses) - 1 - losses.index(min(losses)) >= self._params.patience

    def _tell(self, loss: float) -> None:
        speed = self._trained / max(self._seconds, 1e-9)
        note = f"loss {loss:.3f}, {speed:,.0f} tokens/s"
        if self._evaluations:
            last = self._evaluations[-1]
            bits = "" if last.bits_per_byte is None else f", {last.bits_per_byte:.3f} bits/byte"
            note += f", held out {last.loss:.3f}{bits}"
        done = (self._step + 1) * self._tokens_of_step
        self._job.tick(Progress("training", done, self._steps * self._tokens_of_step or None, "tokens", note))

    def _maybe_save(self) -> None:
        checkpoints = self._job.checkpoints
        if checkpoints is None or self._step == self._saved or not self._steps:
            return
        every = max(1, checkpoints.every // self._tokens_of_step)
        if self._step % every == 0:
            self._save(checkpoints)

    def _save(self, checkpoints: Checkpoints) -> None:
        if self._job.stop.is_set():
            # The number of steps may not have been measured to the end.
            return
        checkpoints.save(self._state(), self._step)
        self._saved = self._step

    def _state(self) -> dict[str, npt.NDArray[Any]]:
        """All that the next step depends on, and what was noted so far."""
        state = packed(self._model, self._optimizer, self._best)
        state[STEPS] = np.array(self._steps)
        state[LOSSES] = np.array([*self._losses, *self._sum.tolist()])
        state[SCORES] = np.array(
            [
                (e.step, e.tokens, e.loss, np.nan if e.bits_per_byte is None else e.bits_per_byte)
                for e in self._evaluations
            ]
        ).reshape(-1, 4)
        return state

    def _restore(self, state: Mapping[str, npt.NDArray[Any]], step: int) -> None:
        self._best = unpack(state, self._model, self._optimizer)
        self._step, self._saved, self._steps = step, step, int(state[STEPS])
        *losses, total, count = state[LOSSES].tolist()
        self._losses, self._sum = losses, np.array([total, count])
        self._evaluations = [
            Evaluation(int(s), int(t), loss, None if math.isnan(bits) else bits)
            for s, t, loss, bits in state[SCORES].tolist()
        ]


def masking_for(pieces: Pieces, special: dict[str, int], params: PretrainParams) -> Masking:
    """How tokens are hidden.

    Raises:
        UsageError: words are to be masked, and the tokenizer has no mask.
    """
    if params.objective != "causal" and "mask" not in special:
        raise UsageError("the tokenizer has no mask token", hint="--objective causal")
    begins = word_starts(pieces) if params.whole_word_mask else np.ones(len(pieces), dtype=np.bool_)
    return Masking(begins, pieces.special, special.get("mask", 0))
