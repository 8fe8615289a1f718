"""Accuracy, F1 and correlation, held against known answers and slow plain versions."""

from __future__ import annotations

import numpy as np
import pytest

from tokit.evaluation.classification import accuracy, macro_f1, pearson, span_f1, spans, spearman


def test_macro_f1_is_that_of_scikit_learn() -> None:
    # sklearn.metrics.f1_score(wanted, told, average="macro") of scikit-learn 1.9.1 says so.
    wanted = ["a", "a", "b", "c", "c", "c", "d"]
    told = ["a", "b", "b", "c", "a", "c", "e"]
    assert macro_f1(wanted, told) == pytest.approx(0.3933333333333333, abs=1e-12)
    assert accuracy(wanted, told) == pytest.approx(4 / 7)
    assert accuracy([], []) == macro_f1([], []) == 0


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("O B-PER I-PER O B-LOC", {(1, 3, "PER"), (4, 5, "LOC")}),
        ("B-PER B-PER I-PER", {(0, 1, "PER"), (1, 3, "PER")}),
        ("I-PER I-LOC I-LOC", {(0, 1, "PER"), (1, 3, "LOC")}),
        ("B-PER O I-PER", {(0, 1, "PER"), (2, 3, "PER")}),
        ("B-A-B I-A-B", {(0, 2, "A-B")}),
        ("NOUN VERB", set()),
        ("", set()),
    ],
)
def test_spans_of_bio_tags(tags: str, expected: set[tuple[int, int, str]]) -> None:
    assert spans(tags.split()) == expected


def test_an_entity_is_right_as_a_whole() -> None:
    wanted = [["B-PER", "I-PER", "O", "B-LOC"], ["B-ORG", "O"]]
    told = [["B-PER", "O", "O", "B-LOC"], ["B-LOC", "O"]]
    # One of three that are there, one of three that were told.
    assert span_f1(wanted, told) == pytest.approx(2 * 1 / (3 + 3))
    assert span_f1(wanted, wanted) == 1
    assert span_f1([["NOUN"]], [["NOUN"]]) is None


def test_correlations_are_those_of_scipy() -> None:
    from scipy import stats

    random = np.random.default_rng(0)
    left = random.integers(0, 6, 50).astype(np.float64)
    right = left + random.normal(size=50)
    assert pearson(left, right) == pytest.approx(stats.pearsonr(left, right).statistic, abs=1e-12)
    assert spearman(left, right) == pytest.approx(stats.spearmanr(left, right).statistic, abs=1e-12)
    assert pearson(np.ones(3), np.arange(3.0)) is None and spearman(np.ones(3), np.arange(3.0)) is None
