"""Metrics of predicted labels, tags and scores: accuracy, F1 of classes and of spans, correlation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tokit.evaluation.similarity import Numbers, resampled_spearman


def accuracy(labels: Sequence[str], predictions: Sequence[str]) -> float:
    """Fraction of correct predictions; 0 without any."""
    return sum(map(str.__eq__, labels, predictions)) / max(len(labels), 1)


def macro_f1(labels: Sequence[str], predictions: Sequence[str]) -> float:
    """Unweighted mean F1 of the classes in labels or predictions.

    F1 is 2 tp / (2 tp + fp + fn), as in scikit-learn: a class that is only in the labels, or only predicted, has 0.
    """
    classes = sorted({*labels, *predictions})
    scores = []
    for name in classes:
        correct = sum(label == predicted == name for label, predicted in zip(labels, predictions, strict=True))
        scores.append(2 * correct / (labels.count(name) + predictions.count(name)))
    return sum(scores) / max(len(scores), 1)


def spans(tags: Sequence[str]) -> set[tuple[int, int, str]]:
    """Entities of a sentence in the BIO scheme: (first word, last word + 1, type).

    `B-X` starts an X, and so does `I-X` that does not continue one; every other tag is outside. As conlleval does,
    https://www.clips.uantwerpen.be/conll2000/chunking/output.html
    """
    entities = set()
    start, kind = 0, ""
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        inside = prefix in ("B", "I") and bool(name)
        if kind and not (prefix == "I" and name == kind):
            entities.add((start, place, kind))
            kind = ""
        if inside and not kind:
            start, kind = place, name
    return entities


def span_f1(labels: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]]) -> float | None:
    """F1 of entities over all sentences; an entity is correct when its words and its type are.

    Returns:
        None when neither side has an entity, as with parts of speech.
    """
    correct = total = 0
    for tags, predicted in zip(labels, predictions, strict=True):
        expected_spans, predicted_spans = spans(tags), spans(predicted)
        correct += len(expected_spans & predicted_spans)
        total += len(expected_spans) + len(predicted_spans)
    return 2 * correct / total if total else None


def pearson(left: Numbers, right: Numbers) -> float | None:
    """Pearson's correlation; None when one side is constant."""
    one, two = (side.astype(np.float64) - side.mean() for side in (left, right))
    scale = float(np.sqrt((one**2).sum() * (two**2).sum()))
    return float((one * two).sum()) / scale if scale > 0 else None


def spearman(left: Numbers, right: Numbers) -> float | None:
    """Spearman's rank correlation; None when one side is constant."""
    value = float(resampled_spearman(left, right, np.ones((1, len(left)), dtype=np.int64))[0])
    return None if np.isnan(value) else value
