"""Predictions of one embedding for each item of a task: a similarity, or whether an analogy is solved.

Words are looked up as `tokit near` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.nearest import unit_vector
from tokit.embedding.words.word_space import UnknownWordError, WordSpace, open_space
from tokit.errors import TokitError
from tokit.evaluation.analogy import solve
from tokit.evaluation.bootstrap import Numbers, Statistic
from tokit.evaluation.similarity import cosines, resampled_spearman
from tokit.evaluation.task_files import AnalogyQuestions, RatedPairs, WordTask

MISSING, COMPOSED, WHOLE = 0, 1, 2
BoolArray: TypeAlias = npt.NDArray[np.bool_]


class NothingCoveredError(TokitError):
    """No item of a task has all its words in the embedding."""


@dataclass(frozen=True, slots=True)
class _Words:
    """Words of a task in one embedding: unit vectors, MISSING, COMPOSED or WHOLE, and ids of tokens."""

    vectors: FloatArray
    status: npt.NDArray[np.int8]
    ids: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions of one folder on one task.

    Attributes:
        task: The task.
        values: One an item: a cosine, or 1 for a solved analogy.
        counted: Items that count in the score.
        found: Items whose words all have a vector; an item that counts as zero is not found.
        composed: Items among them with a word composed from n-grams or pieces.
    """

    task: WordTask
    values: Numbers
    counted: BoolArray
    found: BoolArray
    composed: BoolArray

    def statistic(self, mask: BoolArray) -> Statistic:
        """Measure of the task over the items of the mask."""
        items = np.flatnonzero(mask)
        values = self.values[items]
        if isinstance(self.task, RatedPairs):
            ratings = self.task.scores[items]
            return lambda counts: resampled_spearman(ratings, values, counts[:, items])
        return lambda counts: _mean(values, counts[:, items])

    def score(self, mask: BoolArray) -> float:
        """Score over the items of the mask; NaN where it is undefined."""
        return float(self.statistic(mask)(np.ones((1, len(mask)), dtype=np.int64))[0])


def predict_items(
    folder: str | Path, tasks: Sequence[WordTask], oov: str, method: str, *, lowercase: bool
) -> list[Predictions]:
    """Predict the items of each task; `oov`, `method` and `lowercase` are those of `evaluate`.

    Raises:
        ArtifactError: a folder that is no embedding.
        NothingCoveredError: it has the words of no item of any task.
    """
    space = open_space(folder, by_pieces=oov == "pieces")
    observed = []
    for task in tasks:
        words = _look_up(space, task.words, compose=oov in ("compose", "pieces"), lowercase=lowercase)
        if isinstance(task, RatedPairs):
            observed.append(_observe_pairs(task, words, zero=oov == "zero"))
        else:
            observed.append(_observe_questions(task, words, space, method, zero=oov == "zero"))
    if not any(predictions.found.any() for predictions in observed):
        raise NothingCoveredError(
            f"{folder} has the words of no item of {', '.join(task.name for task in tasks)}",
            hint="--oov compose computes words from their pieces, --lowercase looks them up in lower case",
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
        vectors[i] = unit_vector(space.vector(query))
        status[i] = COMPOSED if query.composed else WHOLE
        ids.append(query.ids)
    return _Words(vectors, status, tuple(ids))


def _observe_pairs(task: RatedPairs, words: _Words, *, zero: bool) -> Predictions:
    # A missing word has a zero vector, so its cosines are zero.
    values = cosines(task.items, words.vectors)
    return _observed(task, words, values, zero=zero)


def _observe_questions(
    task: AnalogyQuestions, words: _Words, space: WordSpace, method: str, *, zero: bool
) -> Predictions:
    values = np.zeros(len(task.items))
    found = np.flatnonzero((words.status[task.items] != MISSING).all(axis=1))
    if len(found):
        table, row_of, barred_by = _candidates(words, space)
        rows = row_of[task.items[found]]
        barred = barred_by[task.items[found, :3]].reshape(len(found), -1)
        values[found] = solve(rows[:, :3], table, barred, method=method) == rows[:, 3]
    return _observed(task, words, values, zero=zero)


def _candidates(words: _Words, space: WordSpace) -> tuple[FloatArray, IntArray, IntArray]:
    """Candidate answers: every token that may be a neighbor, and the task's composed words.

    Of two tokens of the same word, with and without its space, only the one that is looked up takes part.

    Returns:
        Unit vectors; the row of each word of the task; and the rows that each word excludes as answers to its
        question, itself and its pieces, shape (words, k).
    """
    whole = {ids[0] for ids, status in zip(words.ids, words.status, strict=True) if status == WHOLE}
    looked_up = {space.texts[i].strip() for i in whole}
    lengths = np.linalg.norm(space.vectors, axis=1)
    members = [
        i
        for i in np.flatnonzero(space.known & (lengths > 0)).tolist()
        if i in whole or space.texts[i].strip() not in looked_up
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


def _observed(task: WordTask, words: _Words, values: Numbers, *, zero: bool) -> Predictions:
    status = words.status[task.items]
    found = (status != MISSING).all(axis=1)
    composed = found & (status == COMPOSED).any(axis=1)
    return Predictions(task, values, np.ones_like(found) if zero else found, found, composed)


def _mean(values: Numbers, counts: npt.NDArray[Any]) -> Numbers:
    total = counts.sum(axis=1)
    mean: Numbers = np.divide(counts @ values, total, out=np.full(len(counts), np.nan), where=total > 0)
    return mean
