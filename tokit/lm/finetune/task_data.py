"""Labeled examples of a task, split into those to train on and those to evaluate on."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tokit.corpus import split_mask
from tokit.corpus.labeled import Columns, Example, check_labels, read_labeled
from tokit.errors import CorpusError, UsageError
from tokit.lm.finetune.encode_examples import Task, block_of
from tokit.lm.pretrain_params import ONE_LABEL

DEFAULT_VALIDATION = 0.1


@dataclass(frozen=True, slots=True)
class TaskData:
    """Training and held-out examples of a task.

    Attributes:
        task: The task.
        train: Examples to train on.
        held_out: Examples to evaluate on.
        skipped_lines, skip_reasons, replaced: See `LabeledText`.
    """

    task: Task
    train: list[Example]
    held_out: list[Example]
    skipped_lines: int = 0
    skip_reasons: dict[str, int] = dataclasses.field(default_factory=dict)
    replaced: int = 0

    @property
    def unknown(self) -> int:
        """Number of held-out examples with a label that no training example has."""
        known = set(self.task.labels)
        return sum(not known.issuperset(example.labels) for example in self.held_out) if known else 0


def validation_fraction(validation: float | None, held_out: str | None) -> float:
    """Fraction of the examples to hold out.

    Raises:
        UsageError: it is out of range, or there is a file of held-out examples, too.
    """
    if validation is not None and held_out is not None:
        raise UsageError(
            "--validation and --held-out both choose the examples to evaluate on", hint="leave one of them out"
        )
    if validation is not None and not 0 <= validation <= 0.9:
        raise UsageError(f"--validation {validation:g}: not between 0 and 0.9", hint="--validation 0.1")
    return 0.0 if held_out is not None else DEFAULT_VALIDATION if validation is None else validation


def read_task(data: Sequence[str], columns: Columns, *, held_out: str | None, validation: float, seed: int) -> TaskData:
    """Read the examples of a task.

    Args:
        data: Files of labeled examples.
        columns: The task, and the columns of labels and texts.
        held_out: A file of examples to evaluate on; None takes some of `data`.
        validation: Fraction of `data` to hold out, chosen by a hash of the text.
        seed: Seed of that hash.

    Raises:
        CorpusError: examples cannot be read, all are held out, or they do not fit the task.
    """
    labeled = read_labeled(data, columns)
    name, examples, skipped = labeled.task, labeled.examples, labeled.skipped_lines
    reasons, replaced = Counter(labeled.skip_reasons), labeled.replaced
    if held_out is None:
        train, evaluated = _split(examples, validation, seed)
    else:
        others = read_labeled([held_out], dataclasses.replace(columns, task=name))
        train, evaluated, skipped = examples, others.examples, skipped + others.skipped_lines
        reasons, replaced = reasons + Counter(others.skip_reasons), replaced + others.replaced
    if not train:
        raise CorpusError("all examples were held out", hint="give more examples, or a smaller --validation")
    task = Task.of(name, train if held_out is not None else examples)
    if task.kind == ONE_LABEL:
        check_labels(name, data, columns, examples)
    if len(task.labels) == 1:
        raise CorpusError(f"every example has the label '{task.labels[0]}'", hint="is --label the right column?")
    _check_scores(task, evaluated)
    return TaskData(task, train, evaluated, skipped, dict(reasons), replaced)


def _split(examples: list[Example], validation: float, seed: int) -> tuple[list[Example], list[Example]]:
    held_out = split_mask(block_of(examples), validation, seed=seed).tolist()
    pairs = list(zip(examples, held_out, strict=True))
    return [example for example, held in pairs if not held], [example for example, held in pairs if held]


def _check_scores(task: Task, examples: list[Example]) -> None:
    if task.labels:
        return
    for example in examples:
        try:
            float(example.labels[0])
        except ValueError:
            raise CorpusError(
                f"'{example.labels[0]}' among the held-out examples is not a score",
                hint="are both files of the same task?",
            ) from None
