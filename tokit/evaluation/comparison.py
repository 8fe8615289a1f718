"""Scores of embeddings on a task with bootstrap intervals, and paired differences from the first.

Intervals are bootstrapped over the items of a task, and over the folders of a row if there are several. Differences are
paired, on the items that both rows cover.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tokit.evaluation.bootstrap import Interval, Numbers, interval, mean_of_drawn, resampled
from tokit.evaluation.task_files import RatedPairs, WordTask
from tokit.evaluation.word_tasks import BoolArray, Predictions

# Fewer items than this that all differ in one direction do so by chance more often than once in twenty (sign test); the
# bootstrap underestimates that.
FEWEST_DIFFERENT = 6


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference of a row from the first one.

    Attributes:
        value: Difference of the scores, on the items that both cover.
        interval: 95 % interval, from the same draws for both.
        items: Number of items that both cover.
        different: Number of those whose values differ.
    """

    value: float
    interval: Interval
    items: int
    different: int

    @property
    def verdict(self) -> str:
        """better, worse, or noise: the interval includes zero, or too few items differ."""
        if self.interval.has_zero or self.different < FEWEST_DIFFERENT:
            return "noise"
        return "better" if self.value > 0 else "worse"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalRow:
    """Scores of one embedding on one task, or of several as one row.

    Attributes:
        name: The end of its path, as long as needed to be unique.
        paths: Its folders, as named by the user.
        scores: One a folder; None where it is undefined.
        score: Mean of the scores.
        interval: 95 % interval.
        spread: Standard deviation between the folders; None for a single one.
        found: Items whose words all have a vector; the minimum over the folders.
        composed: Items among them with a word composed from n-grams or pieces; the maximum over the folders.
        sections: Accuracy in each group of analogies with a covered item.
        difference: Difference from the first row; None for the first.
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
    """Results of all embeddings on one task.

    Attributes:
        name: Name of the task, or of its file.
        measure: spearman or accuracy.
        items: Number of pairs or questions in the file.
        untagged: The file's words end in a part of speech, as sun-n, which was removed.
        rows: In the order of the embeddings.
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
    rows: Sequence[Sequence[Predictions]],
    *,
    resamples: int,
    seed: int,
) -> TaskResult:
    """Compare embeddings on a task.

    Args:
        task: The task.
        names: Names of the rows.
        groups: Folders of each row.
        rows: Predictions of each folder.
        resamples: Number of bootstrap draws.
        seed: Random seed of the draws.
    """
    # The same draws for all: each row on the items that it covers, and each pair with the first on what both cover.
    shared = [_common([*rows[0], *row]) for row in rows]
    plans = [(row, [member.counted for member in row]) for row in rows]
    for row, mask in zip(rows[1:], shared[1:], strict=True):
        plans += [(rows[0], [mask] * len(rows[0])), (row, [mask] * len(row))]
    statistics = [member.statistic(mask) for row, masks in plans for member, mask in zip(row, masks, strict=True)]
    drawn = iter(resampled(statistics, len(task.items), resamples, seed))
    random = np.random.default_rng((seed, 1))
    means = [mean_of_drawn(np.array([next(drawn) for _ in row]), random) for row, _ in plans]
    results = []
    for i, row in enumerate(rows):
        difference = None
        if i:
            one, two = means[len(rows) + 2 * i - 2 : len(rows) + 2 * i]
            difference = _difference(rows[0], row, shared[i], two - one)
        results.append(_row(names[i], groups[i], row, interval(means[i]), difference))
    measure = "spearman" if isinstance(task, RatedPairs) else "accuracy"
    untagged = isinstance(task, RatedPairs) and task.untagged
    return TaskResult(task.name, measure, len(task.items), untagged, tuple(results))


def _common(observed: Sequence[Predictions]) -> BoolArray:
    mask: BoolArray = np.logical_and.reduce([member.counted for member in observed])
    return mask


def _difference(
    first: Sequence[Predictions], row: Sequence[Predictions], mask: BoolArray, drawn: Numbers
) -> Difference | None:
    value = float(np.mean([member.score(mask) for member in row]) - np.mean([member.score(mask) for member in first]))
    found = interval(drawn)
    if found is None or not np.isfinite(value):
        return None
    one, two = (np.mean([member.values for member in part], axis=0) for part in (first, row))
    return Difference(value, found, int(mask.sum()), int((one != two)[mask].sum()))


def _row(
    name: str,
    paths: tuple[str, ...],
    row: Sequence[Predictions],
    found: Interval | None,
    difference: Difference | None,
) -> EvalRow:
    raw = np.array([member.score(member.counted) for member in row])
    sure = bool(np.isfinite(raw).all()) and all(member.found.any() for member in row)
    return EvalRow(
        name=name,
        paths=paths,
        scores=tuple(float(score) if np.isfinite(score) else None for score in raw),
        score=float(raw.mean()) if sure else None,
        interval=found if sure else None,
        spread=float(raw.std(ddof=1)) if sure and len(raw) > 1 else None,
        found=min(int(member.found.sum()) for member in row),
        composed=max(int(member.composed.sum()) for member in row),
        sections=_sections(row),
        difference=difference if sure else None,
    )


def _sections(row: Sequence[Predictions]) -> dict[str, float]:
    task = row[0].task
    if isinstance(task, RatedPairs):
        return {}
    scores: dict[str, float] = {}
    for number, name in enumerate(task.sections):
        inside = task.section_of == number
        masks = [member.counted & inside for member in row]
        if all(mask.any() for mask in masks):
            scores[name] = float(np.mean([member.score(mask) for member, mask in zip(row, masks, strict=True)]))
    return scores
