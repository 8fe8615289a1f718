"""`tokit eval`: embeddings side by side on word similarity and analogies.

Each embedding predicts every item of every task and is closed (`word_tasks.py`); then they are compared
(`comparison.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokit.corpus.bundled import bundled_path, list_bundled
from tokit.errors import CorpusError, UsageError
from tokit.evaluation.analogy import scorer
from tokit.evaluation.comparison import FEWEST_DIFFERENT, TaskResult, task_result
from tokit.evaluation.task_files import WordTask, read_task
from tokit.evaluation.word_tasks import Predictions, predict_items
from tokit.ops.compare import short_names
from tokit.progress import Progress, Tick, silent
from tokit.registry import did_you_mean, near_names
from tokit.storage.hub_names import local_path

__all__ = ["FEWEST_DIFFERENT", "EvalReport", "evaluate"]

# Name of a task → its name in the index of bundled corpora.
TASKS = {"wordsim353": "wordsim353", "simlex999": "simlex999", "analogies": "questions-words"}
OOV_RULES = ("compose", "pieces", "skip", "zero")
DEFAULT_RESAMPLES, MAX_RESAMPLES = 1000, 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalReport:
    """Result of an evaluation."""

    oov: str
    method: str
    lowercase: bool
    resamples: int
    seed: int
    tasks: tuple[TaskResult, ...]


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
    """Evaluate embeddings on word similarity and analogies.

    Args:
        embeddings: Folders; "a,b,c" is one row, the mean over the three.
        tasks: Names of `TASKS`, or files; empty: all names.
        oov: Rule for a word that is no single token. "compose": compute it as `tokit near` does, from its n-grams if
            the embedding has them, else from its pieces, and skip items with a word of which nothing is known;
            "pieces": always from its pieces; "skip": skip its items; "zero": its pair has the similarity 0, its
            analogy counts as wrong.
        method: Method for analogies, 3cosadd or 3cosmul.
        lowercase: Look words up in lower case, for embeddings of lower-cased text.
        resamples: Bootstrap draws.
        seed: Random seed of the draws.
        tick: Progress.

    Raises:
        UsageError: no embedding, an unknown task, rule or method.
        CorpusError: a task's file that cannot be read, or has no pair.
        MissingPackageError: a task that comes with gensim, which is not installed.
        ArtifactError: a folder that is no embedding.
        NothingCoveredError: an embedding has the words of no item of any task.
    """
    _check(embeddings, oov, method, resamples, seed)
    read = [_open_task(task) for task in tasks or TASKS]
    groups = [_members(row) for row in embeddings]
    total, done = sum(map(len, groups)), 0
    # Rows of folders of tasks; an embedding is closed before the next is opened.
    observed: list[list[list[Predictions]]] = []
    for group in groups:
        observed.append([])
        for folder in group:
            tick(Progress("evaluating", done, total, "embeddings"))
            observed[-1].append(predict_items(local_path(folder), read, oov, method, lowercase=lowercase))
            done += 1
    names = [",".join(part) for part in _row_names(groups)]
    results = []
    for number, task in enumerate(read):
        rows = [[member[number] for member in row] for row in observed]
        results.append(task_result(task, names, groups, rows, resamples=resamples, seed=seed))
    return EvalReport(oov=oov, method=method, lowercase=lowercase, resamples=resamples, seed=seed, tasks=tuple(results))


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


def _open_task(name: str) -> WordTask:
    if name in TASKS:
        entry = next(entry for entry in list_bundled() if entry.name == TASKS[name])
        return read_task(bundled_path(entry, name), name)
    path = Path(name)
    if path.exists():
        return read_task(path, path.stem)
    if re.search(r"[/.]", name):
        raise CorpusError(f"{name}: no such file or folder", hint=near_names(name))
    raise UsageError(f"unknown task '{name}'", hint=f"{did_you_mean(name, list(TASKS))} or give a file")


def _members(row: str) -> tuple[str, ...]:
    """Folders of one row; a comma may also be part of a name."""
    if Path(row).exists():
        return (row,)
    members = tuple(part for part in row.split(",") if part)
    return members or (row,)


def _row_names(groups: Sequence[tuple[str, ...]]) -> list[list[str]]:
    names = iter(short_names([folder for group in groups for folder in group]))
    return [[next(names) for _ in group] for group in groups]
