"""`tokit eval`: what embeddings know of words, by rated pairs and analogies, side by side.

Words are looked up as `tokit near` does. Intervals are bootstrapped over the items of a task, and over the folders of a
row where there are several; differences are paired, on the items that both rows cover.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.corpus.named import list_named
from tokit.embedding.neighbours import unit
from tokit.errors import CorpusError, TokitError, UsageError
from tokit.measure.analogy import scorer, solve
from tokit.measure.bootstrap import Interval, Numbers, Statistic, interval, mean_of_drawn, resampled
from tokit.measure.similarity import cosines, spearman
from tokit.measure.tasks import Questions, RatedPairs, WordTask, read_task
from tokit.ops.compare import short_names
from tokit.ops.near import UnknownWordError, WordSpace, open_space
from tokit.progress import Progress, Tick, silent
from tokit.registry import did_you_mean, near_names

# The name of a task → its name in the index of texts.
TASKS = {"wordsim353": "wordsim353", "simlex999": "simlex999", "analogies": "questions-words"}
OOV_RULES = ("compose", "pieces", "skip", "zero")
DEFAULT_RESAMPLES, MAX_RESAMPLES = 1000, 1_000_000
# Fewer that all point one way do so by chance more often than once in twenty (the sign test); drawn again and again,
# as for the interval, four of them look like more.
FEWEST_APART = 6
MISSING, COMPOSED, WHOLE = 0, 1, 2
BoolArray: TypeAlias = npt.NDArray[np.bool_]


class NothingCoveredError(TokitError):
    """A task of which an embedding has no words."""


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


@dataclass(frozen=True, slots=True)
class EvalReport:
    """What an evaluation gave."""

    oov: str
    method: str
    lowercase: bool
    resamples: int
    seed: int
    tasks: tuple[TaskResult, ...]


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a task in one embedding: unit vectors, what each is, and the ids that it is made of."""

    vectors: FloatArray
    status: npt.NDArray[np.int8]
    ids: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class _Observed:
    """One folder on one task: a value an item, and which items count.

    `found` and `composed` are masks too: an item that counts as zero is not found.
    """

    task: WordTask
    values: Numbers
    counted: BoolArray
    found: BoolArray
    composed: BoolArray

    def statistic(self, mask: BoolArray) -> Statistic:
        """The task's measure over the items of the mask."""
        items = np.flatnonzero(mask)
        values = self.values[items]
        if isinstance(self.task, RatedPairs):
            people = self.task.scores[items]
            return lambda counts: spearman(people, values, counts[:, items])
        return lambda counts: _mean(values, counts[:, items])

    def score(self, mask: BoolArray) -> float:
        """The measure itself; NaN where nothing can be said."""
        return float(self.statistic(mask)(np.ones((1, len(mask)), dtype=np.int64))[0])


def evaluate(
    embeddings: Sequence[str],
    tasks: Sequence[str] = (),
    *,
    oov: str = "compose",
    method: str = "3cosadd",
    lowercase: bool = False,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = 0,
    tick: Tick = silent,
) -> EvalReport:
    """Measure embeddings by what people know of words.

    Args:
        embeddings: Folders; "a,b,c" is one row, the mean over three of them.
        tasks: Names out of `TASKS`, or files; all of the names when there is none.
        oov: What becomes of a word that is no single token. "compose": it is put together as `tokit near` does, from
            its n-grams if the embedding has them, else from its pieces, and an item with a word of which nothing is
            known is left out; "pieces": from its pieces even so; "skip": its item is left out; "zero": its pair has
            the similarity 0, its analogy counts as wrong.
        method: How analogies are solved, 3cosadd or 3cosmul.
        lowercase: Look words up in lower case, for text that has no other.
        resamples: Bootstrap draws.
        seed: Of the draws.
        tick: Progress.

    Raises:
        UsageError: no embedding, an unknown task, rule or method.
        CorpusError: a task's file that cannot be read, or holds no pair.
        ArtifactError: a folder that is no embedding.
        NothingCoveredError: an embedding has the words of no item of any task.
    """
    _check(embeddings, oov, method, resamples, seed)
    read = [_open_task(task) for task in tasks or TASKS]
    groups = [_members(each) for each in embeddings]
    total, done = sum(map(len, groups)), 0
    # Tasks by folders by rows; an embedding is let go before the next is opened.
    observed: list[list[list[_Observed]]] = []
    for group in groups:
        observed.append([])
        for folder in group:
            tick(Progress("evaluating", done, total, "embeddings"))
            observed[-1].append(_observe_all(folder, read, oov, method, lowercase=lowercase))
            done += 1
    names = [",".join(part) for part in _row_names(groups)]
    results = []
    for number, task in enumerate(read):
        rows = [[member[number] for member in row] for row in observed]
        results.append(_result(task, names, groups, rows, resamples=resamples, seed=seed))
    return EvalReport(oov, method, lowercase, resamples, seed, tuple(results))


def _check(embeddings: Sequence[str], oov: str, method: str, resamples: int, seed: int) -> None:
    if not embeddings:
        raise UsageError("no embedding to evaluate", hint="tokit eval emb/ other/ --task wordsim353")
    if oov not in OOV_RULES:
        raise UsageError(f"unknown --oov '{oov}'", hint=did_you_mean(oov, list(OOV_RULES)))
    scorer(method)
    if not 1 <= resamples <= MAX_RESAMPLES:
        raise UsageError(
            f"--resamples {resamples}: not between 1 and {MAX_RESAMPLES:,}", hint=f"--resamples {DEFAULT_RESAMPLES}"
        )
    if seed < 0:
        raise UsageError(f"--seed {seed}: below zero", hint="--seed 0")


def _open_task(given: str) -> WordTask:
    if given in TASKS:
        entry = next(each for each in list_named() if each.name == TASKS[given])
        if entry.path is None:
            raise CorpusError(
                f"'{given}' comes with {entry.package}, which lacks it here", hint=f"pip install {entry.package}"
            )
        return read_task(entry.path, given)
    path = Path(given)
    if path.exists():
        return read_task(path, path.stem)
    if re.search(r"[/.]", given):
        raise CorpusError(f"{given}: no such file or folder", hint=near_names(given))
    raise UsageError(f"unknown task '{given}'", hint=f"{did_you_mean(given, list(TASKS))} or give a file")


def _members(given: str) -> tuple[str, ...]:
    """The folders of one row; a comma may also be part of a name."""
    if Path(given).exists():
        return (given,)
    members = tuple(part for part in given.split(",") if part)
    return members or (given,)


def _row_names(groups: Sequence[tuple[str, ...]]) -> list[list[str]]:
    names = iter(short_names([folder for group in groups for folder in group]))
    return [[next(names) for _ in group] for group in groups]


def _observe_all(folder: str, tasks: Sequence[WordTask], oov: str, method: str, *, lowercase: bool) -> list[_Observed]:
    space = open_space(folder, by_pieces=oov == "pieces")
    observed = []
    for task in tasks:
        words = _look_up(space, task.words, compose=oov in ("compose", "pieces"), lowercase=lowercase)
        if isinstance(task, RatedPairs):
            observed.append(_observe_pairs(task, words, zero=oov == "zero"))
        else:
            observed.append(_observe_questions(task, words, space, method, zero=oov == "zero"))
    if not any(each.found.any() for each in observed):
        raise NothingCoveredError(
            f"{folder} has the words of no item of {', '.join(task.name for task in tasks)}",
            hint="--oov compose puts words together from pieces, --lowercase looks them up in lower case",
        )
    return observed


def _look_up(space: WordSpace, words: Sequence[str], *, compose: bool, lowercase: bool) -> _Words:
    vectors = np.zeros((len(words), space.vectors.shape[1]), dtype=np.float32)
    status = np.zeros(len(words), dtype=np.int8)
    ids: list[tuple[int, ...]] = []
    for i, word in enumerate(words):
        try:
            query = space.look_up(word.lower() if lowercase else word)
        except UnknownWordError:
            query = None
        if query is None or (query.composed and not compose):
            ids.append(())
            continue
        vectors[i] = unit(space.vector(query))
        status[i] = COMPOSED if query.composed else WHOLE
        ids.append(query.ids)
    return _Words(vectors, status, tuple(ids))


def _observe_pairs(task: RatedPairs, words: _Words, *, zero: bool) -> _Observed:
    # A word that is not there has a zero vector, so its cosines are zero.
    values = cosines(task.items, words.vectors)
    return _observed(task, words, values, zero=zero)


def _observe_questions(task: Questions, words: _Words, space: WordSpace, method: str, *, zero: bool) -> _Observed:
    values = np.zeros(len(task.items))
    found = np.flatnonzero((words.status[task.items] != MISSING).all(axis=1))
    if len(found):
        table, row_of, barred_by = _candidates(words, space)
        rows = row_of[task.items[found]]
        barred = barred_by[task.items[found, :3]].reshape(len(found), -1)
        values[found] = solve(rows[:, :3], table, barred, method=method) == rows[:, 3]
    return _observed(task, words, values, zero=zero)


def _candidates(words: _Words, space: WordSpace) -> tuple[FloatArray, IntArray, IntArray]:
    """Who may answer: every token that may be a neighbour, and the task's composed words.

    Of two tokens that write the same word, with and without its space, only the one that is looked up takes part.

    Returns:
        Their unit vectors; the row of each word of the task; and the rows that each word bars from being an answer to
        its question, itself and the pieces that it is made of, shape (words, k).
    """
    whole = {each[0] for each, status in zip(words.ids, words.status, strict=True) if status == WHOLE}
    spelled = {space.texts[i].strip() for i in whole}
    lengths = np.linalg.norm(space.vectors, axis=1)
    members = [
        i
        for i in np.flatnonzero(space.known & (lengths > 0)).tolist()
        if i in whole or space.texts[i].strip() not in spelled
    ]
    # A looked-up token without a vector still needs a row.
    members += sorted(whole - set(members))
    row = {i: place for place, i in enumerate(members)}
    composed = np.flatnonzero(words.status == COMPOSED)
    known = space.vectors[members] / np.maximum(lengths[members], np.finfo(np.float32).tiny)[:, None]
    row_of = np.full(len(words.ids), -1, dtype=np.int64)
    row_of[composed] = len(members) + np.arange(len(composed))
    for word, (ids, status) in enumerate(zip(words.ids, words.status, strict=True)):
        if status == WHOLE:
            row_of[word] = row[ids[0]]
    barred = np.repeat(row_of[:, None], max(map(len, words.ids)) + 1, axis=1)
    for word, ids in enumerate(words.ids):
        pieces = [row[i] for i in ids if i in row]
        barred[word, 1 : 1 + len(pieces)] = pieces
    return np.concatenate([known, words.vectors[composed]]), row_of, barred


def _observed(task: WordTask, words: _Words, values: Numbers, *, zero: bool) -> _Observed:
    status = words.status[task.items]
    found = (status != MISSING).all(axis=1)
    composed = found & (status == COMPOSED).any(axis=1)
    return _Observed(task, values, np.ones_like(found) if zero else found, found, composed)


def _mean(values: Numbers, counts: npt.NDArray[Any]) -> Numbers:
    total = counts.sum(axis=1)
    mean: Numbers = np.divide(counts @ values, total, out=np.full(len(counts), np.nan), where=total > 0)
    return mean


def _result(
    task: WordTask,
    names: Sequence[str],
    groups: Sequence[tuple[str, ...]],
    rows: Sequence[Sequence[_Observed]],
    *,
    resamples: int,
    seed: int,
) -> TaskResult:
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


def _common(observed: Sequence[_Observed]) -> BoolArray:
    mask: BoolArray = np.logical_and.reduce([each.counted for each in observed])
    return mask


def _difference(
    first: Sequence[_Observed], row: Sequence[_Observed], mask: BoolArray, drawn: Numbers
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
    row: Sequence[_Observed],
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


def _sections(row: Sequence[_Observed]) -> dict[str, float]:
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
