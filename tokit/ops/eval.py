"""`tokit eval`: what embeddings know of words, by rated pairs and analogies, side by side.

An embedding is asked for every item of every task and let go (`observed.py`); then they are compared (`verdicts.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokit.corpus.bundled import bundled_path, list_bundled
from tokit.errors import CorpusError, UsageError
from tokit.evaluation.analogy import scorer
from tokit.evaluation.comparison import TaskResult, task_result
from tokit.evaluation.task_files import WordTask, read_task
from tokit.evaluation.word_tasks import Observed, observe
from tokit.ops.compare import short_names
from tokit.progress import Progress, Tick, silent
from tokit.registry import did_you_mean, near_names

# The name of a task → its name in the index of texts.
TASKS = {"wordsim353": "wordsim353", "simlex999": "simlex999", "analogies": "questions-words"}
OOV_RULES = ("compose", "pieces", "skip", "zero")
DEFAULT_RESAMPLES, MAX_RESAMPLES = 1000, 1_000_000


@dataclass(frozen=True, slots=True)
class EvalReport:
    """What an evaluation gave."""

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
    observed: list[list[list[Observed]]] = []
    for group in groups:
        observed.append([])
        for folder in group:
            tick(Progress("evaluating", done, total, "embeddings"))
            observed[-1].append(observe(folder, read, oov, method, lowercase=lowercase))
            done += 1
    names = [",".join(part) for part in _row_names(groups)]
    results = []
    for number, task in enumerate(read):
        rows = [[member[number] for member in row] for row in observed]
        results.append(task_result(task, names, groups, rows, resamples=resamples, seed=seed))
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
        entry = next(entry for entry in list_bundled() if entry.name == TASKS[given])
        return read_task(bundled_path(entry, given), given)
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
