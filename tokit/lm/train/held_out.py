"""Losses of a pre-training run: mean training losses, evaluations on held-out documents, patience, best weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from tokit.lm.families.base import LanguageModelFamily, Model
from tokit.lm.train.job import Evaluation
from tokit.lm.train.pretraining_state import unique_state
from tokit.lm.train.validation import Validator

# Names of the arrays in a training state.
LOSSES, SCORES = "losses", "scores"


class HeldOutTracker:
    """Evaluates a model in training and keeps its best weights when patience is limited.

    Args:
        family: Family of the model.
        model: The model in training.
        validator: Scores it on held-out documents.
        patience: Evaluations without a better loss before training stops; 0 is never.
    """

    def __init__(self, family: type[LanguageModelFamily], model: Model, validator: Validator, patience: int) -> None:
        self._family, self._model = family, model
        self._patience = patience
        self.validator = validator
        self.losses: list[float] = []
        self.evaluations: list[Evaluation] = []
        self.best: dict[str, Tensor] = {}
        # Sum and number of the training losses since the last evaluation.
        self._sum = np.zeros(2)

    def add(self, loss: float) -> None:
        """Add the training loss of a step."""
        self._sum += (loss, 1)

    def forget(self) -> None:
        """Drop the training losses since the last evaluation."""
        self._sum[:] = 0

    def evaluate(self, step: int, tokens: int) -> bool:
        """Evaluate the model.

        Args:
            step: Number of steps taken.
            tokens: Number of tokens trained on.

        Returns:
            Whether patience has run out.
        """
        self.losses.append(float(self._sum[0] / max(self._sum[1], 1)))
        self.forget()
        if self.validator.empty:
            return False
        score = self.validator.score(self._family, self._model)
        self.evaluations.append(Evaluation(step, tokens, score.loss, score.bits_per_byte))
        if not self._patience:
            return False
        losses = [evaluation.loss for evaluation in self.evaluations]
        if losses[-1] == min(losses):
            self.best = {name: value.clone() for name, value in unique_state(self._model).items()}
        return len(losses) - 1 - losses.index(min(losses)) >= self._patience

    def restore_best(self) -> None:
        """Give the model its best weights, if they were kept."""
        if self.best:
            self._model.load_state_dict(self.best, strict=False)

    @property
    def score(self) -> Evaluation | None:
        """The evaluation of the weights after `restore_best`."""
        if self.best:
            return min(self.evaluations, key=lambda evaluation: evaluation.loss)
        return self.evaluations[-1] if self.evaluations else None

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Losses and evaluations for a training state."""
        rows = [(e.step, e.tokens, e.loss, math.nan if e.bits_per_byte is None else e.bits_per_byte)
                for e in self.evaluations]  # fmt: skip
        return {LOSSES: np.array([*self.losses, *self._sum.tolist()]), SCORES: np.array(rows).reshape(-1, 4)}

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]], best: dict[str, Tensor]) -> None:
        """Resume from `arrays()` of an earlier run and the best weights it kept.

        Raises:
            KeyError: an array is missing.
            ValueError: one has another shape.
        """
        if arrays[LOSSES].ndim != 1 or arrays[SCORES].shape[1:] != (4,):
            raise ValueError(LOSSES)
        *losses, total, count = arrays[LOSSES].tolist()
        self.losses, self._sum = losses, np.array([total, count])
        self.evaluations = [
            Evaluation(int(step), int(tokens), loss, None if math.isnan(bits) else bits)
            for step, tokens, loss, bits in arrays[SCORES].tolist()
        ]
        self.best = best
