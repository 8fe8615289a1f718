"""How well labels, tags and scores are told: accuracy, F1 of classes and of spans, correlation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tokit.evaluation.similarity import Numbers, spearman


def accuracy(wanted: Sequence[str], told: Sequence[str]) -> float:
    """Share of labels that were told right; of none, 0."""
    return sum(map(str.__eq__, wanted, told)) / max(len(wanted), 1)


def macro_f1(wanted: Sequence[str], told: Sequence[str]) -> float:
    """Mean F1 of the classes that were wanted or told, each weighing the same.

    F1 is 2 tp / (2 tp + fp + fn), as scikit-learn has it: a class that was only wanted, or only told, has 0.
    """
    classes = sorted({*wanted, *told})
    scores = []
    for label in classes:
        right = sum(w == t == label for w, t in zip(wanted, told, strict=True))
        scores.append(2 * right / (wanted.count(label) + told.count(label)))
    return sum(scores) / max(len(scores), 1)


def spans(tags: Sequence[str]) -> set[tuple[int, int, str]]:
    """The entities of a sentence in the BIO scheme: (first word, last word + 1, type).

    `B-X` begins an X, and so does `I-X` where no X goes on; every other tag is outside. As conlleval reads them,
    https://www.clips.uantwerpen.be/conll2000/chunking/output.html
    """
    found = set()
    start, kind = 0, ""
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        inside = prefix in ("B", "I") and bool(name)
        if kind and not (prefix == "I" and name == kind):
            found.add((start, place, kind))
            kind = ""
        if inside and not kind:
            start, kind = place, name
    return found


def span_f1(wanted: Sequence[Sequence[str]], told: Sequence[Sequence[str]]) -> float | None:
    """F1 of entities over all sentences; an entity is right when its words and its type are.

    Returns:
        None when there is no entity on either side, as with parts of speech.
    """
    right = there = 0
    for one, other in zip(wanted, told, strict=True):
        ours, theirs = spans(one), spans(other)
        right += len(ours & theirs)
        there += len(ours) + len(theirs)
    return 2 * right / there if there else None


def pearson(left: Numbers, right: Numbers) -> float | None:
    """Pearson's correlation; None when one side is all the same."""
    one, two = (side.astype(np.float64) - side.mean() for side in (left, right))
    spread = float(np.sqrt((one**2).sum() * (two**2).sum()))
    return float((one * two).sum()) / spread if spread > 0 else None


def rank_correlation(left: Numbers, right: Numbers) -> float | None:
    """Spearman's correlation; None when one side is all the same."""
    value = float(spearman(left, right, np.ones((1, len(left)), dtype=np.int64))[0])
    return None if np.isnan(value) else value
