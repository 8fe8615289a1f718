"""What an embedding says to each item of a task: a similarity or an answer, where its words are found.

Words are looked up as `tokit near` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.nearest import unit
from tokit.embedding.words.word_space import UnknownWordError, WordSpace, open_space
from tokit.errors import TokitError
from tokit.evaluation.analogy import solve
from tokit.evaluation.bootstrap import Numbers, Statistic
from tokit.evaluation.similarity import cosines, spearman
from tokit.evaluation.task_files import Questions, RatedPairs, WordTask

MISSING, COMPOSED, WHOLE = 0, 1, 2
BoolArray: TypeAlias = npt.NDArray[np.bool_]


class NothingCoveredError(TokitError):
    """A task of which an embedding has no words."""


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a task in one embedding: unit vectors, what each is, and the ids that it is made of."""

    vectors: FloatArray
    status: npt.NDArray[np.int8]
    ids: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Observed:
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


def observe(folder: str, tasks: Sequence[WordTask], oov: str, method: str, *, lowercase: bool) -> list[Observed]:
    """Ask one embedding for the items of each task; `oov`, `method` and `lowercase` are those of `evaluate`.

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


def _observe_pairs(task: RatedPairs, words: _Words, *, zero: bool) -> Observed:
    # A word that is not there has a zero vector, so its cosines are zero.
    values = cosines(task.items, words.vectors)
    return _observed(task, words, values, zero=zero)


def _observe_questions(task: Questions, words: _Words, space: WordSpace, method: str, *, zero: bool) -> Observed:
    values = np.zeros(len(task.items))
    found = np.flatnonzero((words.status[task.items] != MISSING).all(axis=1))
    if len(found):
        table, row_of, barred_by = _candidates(words, space)
        rows = row_of[task.items[found]]
        barred = barred_by[task.items[found, :3]].reshape(len(found), -1)
        values[found] = solve(rows[:, :3], table, barred, method=method) == rows[:, 3]
    return _observed(task, words, values, zero=zero)


def _candidates(words: _Words, space: WordSpace) -> tuple[FloatArray, IntArray, IntArray]:
    """Who may answer: every token that may be a neighbor, and the task's composed words.

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


def _observed(task: WordTask, words: _Words, values: Numbers, *, zero: bool) -> Observed:
    status = words.status[task.items]
    found = (status != MISSING).all(axis=1)
    composed = found & (status == COMPOSED).any(axis=1)
    return Observed(task, values, np.ones_like(found) if zero else found, found, composed)


def _mean(values: Numbers, counts: npt.NDArray[Any]) -> Numbers:
    total = counts.sum(axis=1)
    mean: Numbers = np.divide(counts @ values, total, out=np.full(len(counts), np.nan), where=total > 0)
    return mean
