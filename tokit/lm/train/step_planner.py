"""Planning of `--minutes`: the number of optimizer steps that fit, by the time that the first ones take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

import numpy as np

from tokit.lm.train.validation import PSEUDO_TOKENS

# Steps that are timed, after some that warm up: at least this number, and for a fraction of the time or for a number of
# seconds, so that a moment in which the machine was busy does not count.
WARMING_STEPS, TIMED_STEPS, TIMED_FRACTION, TIMED_SECONDS = 2, 5, 0.02, 12.0
# Fraction of the time that is planned for.
PLANNED_FRACTION = 0.96
# The pseudo-likelihood is timed on one N-th of its tokens.
PSEUDO_PARTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlanner:
    """Measures a run by its own steps and evaluations; the model changes with them.

    Attributes:
        take_step: Takes the step of that number.
        evaluate: Evaluates the model once; None when nothing is held out.
        measure_pseudo: Measures the pseudo-likelihood of N tokens; None for a model that has none.
        evaluations: Number of evaluations during training.
        rows_per_step: Rows of a batch.
        stop: Set when the run is to end.
    """

    take_step: Callable[[int], None]
    evaluate: Callable[[], object] | None
    measure_pseudo: Callable[[int], object] | None
    evaluations: int
    rows_per_step: int
    stop: Event

    def steps(self, seconds: float, started: float) -> int:
        """Number of steps for a run.

        Args:
            seconds: Time of the whole run.
            started: When it began, by `time.monotonic`.
        """
        times = self._timed_steps(min(TIMED_FRACTION * seconds, TIMED_SECONDS))
        if self.stop.is_set():
            # The run ends here, and its plan is not saved.
            return 1
        step = float(np.median(times[WARMING_STEPS:]))
        rest = self._evaluation_seconds() + self._pseudo_seconds(step)
        left = (seconds - (time.monotonic() - started)) * PLANNED_FRACTION - rest
        return max(1, int(left / step))

    def _timed_steps(self, enough: float) -> list[float]:
        times: list[float] = []
        while len(times) < WARMING_STEPS + TIMED_STEPS or sum(times) < enough:
            times.append(_seconds(lambda: self.take_step(len(times))))
            if self.stop.is_set():
                break
        return times

    def _evaluation_seconds(self) -> float:
        """Time of all evaluations, by the time of one; one more is spent here."""
        return 0.0 if self.evaluate is None else _seconds(self.evaluate) * (self.evaluations + 1)

    def _pseudo_seconds(self, step: float) -> float:
        """Time of measuring the pseudo-likelihood."""
        if self.measure_pseudo is None or self.evaluate is None:
            return 0.0
        # Measuring a row costs less than training on it; a larger time was a disturbance.
        return min(self._measured_pseudo_seconds(), step * PSEUDO_TOKENS / self.rows_per_step)

    def _measured_pseudo_seconds(self) -> float:
        measure = self.measure_pseudo
        return 0.0 if measure is None else _seconds(lambda: measure(PSEUDO_TOKENS // PSEUDO_PARTS)) * PSEUDO_PARTS


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
