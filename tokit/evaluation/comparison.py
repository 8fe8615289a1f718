"""Embeddings side by side on a task: how well each does, and whether it does better than the first.

Intervals are bootstrapped over the items of a task, and over the folders of a row where there are several; differences
are paired, on the items that both rows cover.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tokit.evaluation.bootstrap import Interval, Numbers, interval, mean_of_drawn, resampled
from tokit.evaluation.task_files import RatedPairs, WordTask
from tokit.evaluation.word_tasks import BoolArray, Observed

# Fewer that all point one way do so by chance more often than once in twenty (the sign test); drawn again and again,
# as for the interval, four of them look like more.
FEWEST_APART = 6


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better a row is than the first one.

    Attributes:
        value: On the items that both cover.
        interval: 95 %, of the same draws for both.
        items: So many are covered by both.
        apart: On so many of them they are not the same.
    """

    value: float
    interval: Interval
    items: int
    apart: int

    @property
    def verdict(self) -> str:
        """better, worse, or noise: the interval includes zero, or few items stand behind it."""
        if self.interval.has_zero or self.apart < FEWEST_APART:
            return "noise"
        return "better" if self.value > 0 else "worse"


@dataclass(frozen=True, slots=True)
class EvalRow:
    """One embedding on one task, or the mean of several.

    Attributes:
        name: The end of its path, as long as it takes to tell it from the others.
        paths: Its folders, as given.
        scores: One a folder; None where nothing can be said.
        score: Their mean.
        interval: 95 %.
        spread: Standard deviation between the folders; None for a single one.
        found: Items whose words are all there, by the rule for those that are not; the least of the folders.
        composed: Items among them with a word that is the mean of its n-grams or pieces; the most of the folders.
        sections: Accuracy in each group of analogies that has a covered one.
        difference: From the first row; None for the first.
    """

    name: str
    paths: tuple[str, ...]
    scores: tuple[float | None, ...]
    score: float | None
    interval: Interval | None
    spread: float | None
    found: int
    composed: int
    sections: dict[str, float]
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class TaskResult:
    """Every embedding on one task.

    Attributes:
        name: Of the task, or the file's.
        measure: spearman or accuracy.
        items: Pairs or questions in the file.
        untagged: The file's words end in a part of speech, as sun-n, which was taken off.
        rows: In the order given.
    """

    name: str
    measure: str
    items: int
    untagged: bool
    rows: tuple[EvalRow, ...]


def task_result(
    task: WordTask,
    names: Sequence[str],
    groups: Sequence[tuple[str, ...]],
    rows: Sequence[Sequence[Observed]],
    *,
    resamples: int,
    seed: int,
) -> TaskResult:
    """Compare embeddings on a task.

    Args:
        task: The task.
        names: Of the rows.
        groups: The folders of each row.
        rows: What each folder said.
        resamples: Bootstrap draws.
        seed: Of the draws.
    """
    # One set of draws for all: each row on what it covers, and each with the first on what both cover.
    shared = [_common([*rows[0], *row]) for row in rows]
    plans = [(row, [each.counted for each in row]) for row in rows]
    for row, mask in zip(rows[1:], shared[1:], strict=True):
        plans += [(rows[0], [mask] * len(rows[0])), (row, [mask] * len(row))]
    statistics = [each.statistic(mask) for row, masks in plans for each, mask in zip(row, masks, strict=True)]
    drawn = iter(resampled(statistics, len(task.items), resamples, seed))
    random = np.random.default_rng((seed, 1))
    means = [mean_of_drawn(np.array([next(drawn) for _ in row]), random) for row, _ in plans]
    made = []
    for i, row in enumerate(rows):
        difference = None
        if i:
            one, two = means[len(rows) + 2 * i - 2 : len(rows) + 2 * i]
            difference = _difference(rows[0], row, shared[i], two - one)
        made.append(_row(names[i], groups[i], row, interval(means[i]), difference))
    measure = "spearman" if isinstance(task, RatedPairs) else "accuracy"
    untagged = isinstance(task, RatedPairs) and task.untagged
    return TaskResult(task.name, measure, len(task.items), untagged, tuple(made))


def _common(observed: Sequence[Observed]) -> BoolArray:
    mask: BoolArray = np.logical_and.reduce([each.counted for each in observed])
    return mask


def _difference(
    first: Sequence[Observed], row: Sequence[Observed], mask: BoolArray, drawn: Numbers
) -> Difference | None:
    value = float(np.mean([each.score(mask) for each in row]) - np.mean([each.score(mask) for each in first]))
    found = interval(drawn)
    if found is None or not np.isfinite(value):
        return None
    one, two = (np.mean([each.values for each in part], axis=0) for part in (first, row))
    return Difference(value, found, int(mask.sum()), int((one != two)[mask].sum()))


def _row(
    name: str,
    paths: tuple[str, ...],
    row: Sequence[Observed],
    found: Interval | None,
    difference: Difference | None,
) -> EvalRow:
    raw = np.array([each.score(each.counted) for each in row])
    sure = bool(np.isfinite(raw).all()) and all(each.found.any() for each in row)
    return EvalRow(
        name=name,
        paths=paths,
        scores=tuple(float(score) if np.isfinite(score) else None for score in raw),
        score=float(raw.mean()) if sure else None,
        interval=found if sure else None,
        spread=float(raw.std(ddof=1)) if sure and len(raw) > 1 else None,
        found=min(int(each.found.sum()) for each in row),
        composed=max(int(each.composed.sum()) for each in row),
        sections=_sections(row),
        difference=difference if sure else None,
    )


def _sections(row: Sequence[Observed]) -> dict[str, float]:
    task = row[0].task
    if isinstance(task, RatedPairs):
        return {}
    scores: dict[str, float] = {}
    for number, name in enumerate(task.sections):
        inside = task.section_of == number
        masks = [each.counted & inside for each in row]
        if all(mask.any() for mask in masks):
            scores[name] = float(np.mean([each.score(mask) for each, mask in zip(row, masks, strict=True)]))
    return scores
