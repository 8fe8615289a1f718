"""`python -m tests.bench classify`: classes of texts, by fine-tuned language models and by static embeddings.

A language model is fine-tuned by `tokit finetune`. For a static embedding a logistic regression is fitted on the mean
vectors of texts, each dimension standardized on train; its regularization is chosen on a fifth of train, then it is
fitted on all of train. The accuracy printed is that on test, on which nothing is chosen.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from tests.bench.report import machine
from tokit.corpus.labeled import CLASSIFY, Columns, Example, read_labeled

FloatArray = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.str_]
TRAIN, TEST = ".train.tsv", ".test.tsv"
FINE_TUNED, REGRESSION = "fine-tuned", "logistic regression"
# Weights of the fit beside that of small coefficients, which scikit-learn calls C.
STRENGTHS = tuple(10.0**power for power in range(-5, 3))
STEPS = 2000
# Of five parts of train, one says which strength is taken.
PARTS = 5


@dataclass(frozen=True, slots=True)
class Task:
    """Two files of a label, a tab and a text a line."""

    name: str
    train: Path
    test: Path


@dataclass(frozen=True, slots=True)
class Result:
    """Result of an embedding in a task.

    Attributes:
        embedding: Its folder's name.
        kind: "fine-tuned", with the family, or "logistic regression".
        task: Its name.
        examples: Of test.
        accuracy: On them.
        seconds: Of all that it took, opening the embedding included.
        chosen: Of a regression the strength.
    """

    embedding: str
    kind: str
    task: str
    examples: int
    accuracy: float
    seconds: float
    chosen: float | None = None

    @property
    def spread(self) -> float:
        """Half of the interval that holds the accuracy in 95 of 100 tests."""
        return 1.96 * math.sqrt(self.accuracy * (1 - self.accuracy) / self.examples)


def tasks_in(folder: Path) -> list[Task]:
    """The tasks that have both files, by name."""
    named = [(path.name.removesuffix(TRAIN), path) for path in sorted(folder.glob(f"*{TRAIN}"))]
    return [Task(name, path, folder / f"{name}{TEST}") for name, path in named if (folder / f"{name}{TEST}").is_file()]


def examples_of(path: Path) -> list[Example]:
    """The lines of a file."""
    return read_labeled([str(path)], Columns(CLASSIFY)).examples


def fine_tuned(folder: Path, task: Task, asked: argparse.Namespace) -> Result:
    """The report of `tokit finetune`; the model is deleted."""
    from tokit.ops.finetune import finetune

    settings = {} if asked.epochs is None else {"epochs": asked.epochs}
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="tokit-bench-") as work:
        report = finetune(
            folder, [str(task.train)], Path(work) / "tuned", columns=Columns(CLASSIFY), held_out=str(task.test),
            settings=settings, seed=asked.seed, threads=asked.threads,
        )  # fmt: skip
    right = report.scores["accuracy"] or 0.0
    kind, seconds = f"{FINE_TUNED} {report.family}", time.perf_counter() - began
    return Result(folder.name, kind, task.name, report.held_out, right, seconds)


def regressed(folder: Path, task: Task, asked: argparse.Namespace) -> Result:
    """The accuracy of a logistic regression on mean vectors."""
    from threadpoolctl import threadpool_limits

    began = time.perf_counter()
    with threadpool_limits(asked.threads):
        (train, labels), (test, wanted) = vectors_of(folder, task)
        strength = best_strength(train, labels, asked.seed)
        right = float((fitted(train, labels, strength).predict(test) == wanted).mean())
    return Result(folder.name, REGRESSION, task.name, len(wanted), right, time.perf_counter() - began, strength)


def vectors_of(folder: Path, task: Task) -> Iterator[tuple[FloatArray, Labels]]:
    """(mean vectors of texts, their labels) of train and of test, in the measures of train."""
    from tokit.embedding.static_embedder import open_static_embedder

    embedder = open_static_embedder(folder)
    mean = deviation = None
    for path in (task.train, task.test):
        examples = examples_of(path)
        vectors = embedder.embed([example.texts[0] for example in examples]).astype(np.float64)
        if mean is None or deviation is None:
            mean, deviation = vectors.mean(axis=0), np.maximum(vectors.std(axis=0), 1e-12)
        yield (vectors - mean) / deviation, np.array([example.labels[0] for example in examples])


def best_strength(vectors: FloatArray, labels: Labels, seed: int) -> float:
    """The strength that is most often right on a fifth, fitted on the rest; the weakest of equally good ones."""
    order = np.random.default_rng(seed).permutation(len(labels))
    apart, rest = np.split(order, [len(order) // PARTS])
    right = [
        (fitted(vectors[rest], labels[rest], strength).predict(vectors[apart]) == labels[apart]).mean()
        for strength in STRENGTHS
    ]
    return STRENGTHS[int(np.argmax(right))]


def fitted(vectors: FloatArray, labels: Labels, strength: float) -> Any:
    """A logistic regression."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=STEPS).fit(vectors, labels)


def commonest(task: Task) -> float:
    """The accuracy of always saying the label that train has most often."""
    labels, counts = np.unique([example.labels[0] for example in examples_of(task.train)], return_counts=True)
    return float(np.mean([example.labels[0] == labels[counts.argmax()] for example in examples_of(task.test)]))


def results_of(tasks: list[Task], asked: argparse.Namespace) -> Iterator[Result]:
    """Embedding after embedding, task after task."""
    for folders, work in ((asked.embedding, fine_tuned), (asked.static, regressed)):
        for folder in folders:
            for task in tasks:
                found = work(folder, task, asked)
                print(f"{folder.name}: {task.name} {found.accuracy:.3f}", file=sys.stderr, flush=True)
                yield found


def table_of(results: list[Result], tasks: list[Task]) -> Table:
    """A line an embedding."""
    made = Table(title="accuracy on test", title_justify="left")
    for name in ("embedding", "kind", *(task.name for task in tasks), "seconds"):
        made.add_column(name, justify="left" if name in ("embedding", "kind") else "right")
    # A line of each folder has a result a task, in their order.
    for first in range(0, len(results), len(tasks)):
        line = results[first : first + len(tasks)]
        cells = [f"{found.accuracy:.3f} ± {found.spread:.3f}" for found in line]
        made.add_row(line[0].embedding, line[0].kind, *cells, f"{sum(found.seconds for found in line):.0f}")
    return made


def document(results: list[Result], floors: dict[str, float], asked: argparse.Namespace) -> dict[str, Any]:
    """The results as a document to save."""
    return {
        "machine": machine(),
        "epochs": asked.epochs,
        "seed": asked.seed,
        "threads": asked.threads,
        "commonest": floors,
        "results": [{**dataclasses.asdict(found), "spread": found.spread} for found in results],
    }


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.bench classify", description="classes of texts")
    made.add_argument("--data", type=Path, required=True, help=f"a folder with NAME{TRAIN} and NAME{TEST}: label, text")
    folders: dict[str, Any] = {"type": Path, "nargs": "+", "action": "extend", "default": [], "metavar": "FOLDER"}
    made.add_argument("-e", "--embedding", help="language models, which are fine-tuned", **folders)
    made.add_argument("-s", "--static", help="static embeddings, for a logistic regression", **folders)
    made.add_argument("--epochs", type=int, help="epochs of fine-tuning; else the default of tokit finetune")
    made.add_argument("--seed", type=int, default=0, help="seed of fine-tuning, and of the choice of a fifth of train")
    made.add_argument("--threads", type=int, help="maximum number; else all")
    made.add_argument("--save", type=Path, metavar="FILE.json", help="every result and the machine, after each of them")
    return made


def checked(arguments: list[str]) -> tuple[argparse.Namespace, list[Task]]:
    """The arguments and the tasks.

    Raises:
        SystemExit: nothing to measure, nothing to measure with, or a library that is missing.
    """
    asked = parser().parse_args(arguments)
    if not asked.embedding and not asked.static:
        raise SystemExit("error: no embedding: -e MODEL or -s STATIC")
    if not (tasks := tasks_in(asked.data)):
        raise SystemExit(f"error: {asked.data} has no NAME{TRAIN} with a NAME{TEST}")
    needed = {"torch": asked.embedding, "transformers": asked.embedding, "sklearn": asked.static}
    if missing := [name for name, of in needed.items() if of and not importlib.util.find_spec(name)]:
        raise SystemExit(f"error: {', '.join(missing)} not installed: the extra 'test' has them")
    return asked, tasks


def main(arguments: list[str]) -> int:
    """Measure, print, save."""
    from tokit.runtime.threads import set_threads

    asked, tasks = checked(arguments)
    set_threads(asked.threads)
    floors = {task.name: commonest(task) for task in tasks}
    results: list[Result] = []
    for found in results_of(tasks, asked):
        results.append(found)
        if asked.save:
            text = json.dumps(document(results, floors, asked), indent=1, ensure_ascii=False)
            asked.save.write_text(f"{text}\n", encoding="utf-8")
    console = Console(width=None if sys.stdout.isatty() else 130)
    console.print(table_of(results, tasks))
    always = ", ".join(f"{name} {right:.3f}" for name, right in floors.items())
    console.print(f"always the commonest label of train: {always}. ±: 95 %.")
    return 0
