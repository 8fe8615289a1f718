"""Bootstrap intervals of a measure, or of a difference of two, over the items of a task.

Efron 1979, https://doi.org/10.1214/aos/1176344552
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Numbers: TypeAlias = npt.NDArray[np.float64]
# From the occurrences of each item in each draw, shape (draws, items), to one number a draw.
Statistic: TypeAlias = Callable[[npt.NDArray[Any]], Numbers]
# Items times draws that are computed at a time.
AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Interval:
    """95 % interval: the middle of the resamples."""

    low: float
    high: float

    @property
    def has_zero(self) -> bool:
        """True if it contains zero: the sign may be chance."""
        return self.low <= 0 <= self.high


def resampled(statistics: Sequence[Statistic], items: int, resamples: int, seed: int) -> Numbers:
    """Compute statistics on the same draws, so that differences between them are paired.

    Returns:
        Shape (statistics, resamples); the same for the same seed.
    """
    values = np.empty((len(statistics), resamples))
    done = 0
    for counts in _draws(items, resamples, seed):
        for row, statistic in zip(values, statistics, strict=True):
            row[done : done + len(counts)] = statistic(counts)
        done += len(counts)
    return values


def _draws(items: int, resamples: int, seed: int) -> Iterator[npt.NDArray[np.int32]]:
    random = np.random.default_rng(seed)
    step = max(1, AT_ONCE // items)
    for first in range(0, resamples, step):
        rows = min(step, resamples - first)
        drawn = random.integers(items, size=(rows, items)) + items * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * items).reshape(rows, items).astype(np.int32)


def mean_of_drawn(values: Numbers, random: np.random.Generator) -> Numbers:
    """Mean over runs that are resampled for each draw: the interval then includes the variance between runs.

    Args:
        values: Shape (runs, resamples). The mean of one run is the run.
        random: Random number generator.
    """
    runs = len(values)
    drawn = random.integers(runs, size=values.shape)
    mean: Numbers = np.take_along_axis(values, drawn, axis=0).mean(axis=0)
    return mean


def interval(values: Numbers) -> Interval | None:
    """From the 2.5th to the 97.5th percentile; None when no draw gave a number."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    low, high = np.percentile(finite, (2.5, 97.5))
    return Interval(float(low), float(high))
