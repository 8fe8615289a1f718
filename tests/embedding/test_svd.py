"""The factorisation against NumPy's dense one, and GloVe's examples."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from tests.support.plain_cooccurrence import VOCAB, job, many, plain_counts
from tokit.arrays import FloatArray
from tokit.embedding.families.glove import GloveParams, coprime, shuffled_pairs
from tokit.embedding.families.svd import Svd, SvdParams
from tokit.embedding.train.cooccurrence import count_cooccurrences, even_weights, inverse_weights
from tokit.embedding.train.word2vec import keep_probabilities
from tokit.errors import TrainingError

DOCUMENTS = many(2)


def plain_mutual_information(params: SvdParams) -> FloatArray:
    counts = np.zeros((VOCAB, VOCAB))
    for (low, high), count in plain_counts(DOCUMENTS, params.window, lambda _: 1).items():
        counts[low, high] += count / 2**24
        counts[high, low] += count / 2**24
    share = counts.sum(axis=1) ** params.smoothing
    expected = np.outer(counts.sum(axis=1), share / share.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.log(counts / expected) - math.log(params.shift)
    return np.where(counts > 0, np.maximum(values, 0), 0)


@pytest.mark.parametrize("dim", [4, 60])
@pytest.mark.parametrize("settings", [{}, {"shift": 2.0, "smoothing": 1.0, "power": 1.0}, {"power": 0.0, "window": 1}])
def test_vectors_are_those_of_the_dense_factorisation(dim: int, settings: dict[str, float]) -> None:
    params = SvdParams(**{"weighting": "flat", "iterations": 30, "power": 0.5, "window": 5, **settings})  # type: ignore[arg-type]
    fitted = Svd.fit(dataclasses.replace(job(DOCUMENTS), dim=dim, params=params))
    left, values, right = np.linalg.svd(plain_mutual_information(params))
    count = min(dim, int((values > 1e-5 * values[0]).sum()))
    scaled = values[:count] ** params.power
    for found, true in ((fitted.vectors, left[:, :count]), (fitted.output, right[:count].T)):
        assert found.shape == (VOCAB, dim)
        assert not found[:, count:].any()
        # Signs are free, and so are directions where values are nearly the same: products are not.
        assert np.abs(np.abs(found[:, :2]) - np.abs((true * scaled)[:, :2])).max() < 1e-3
        assert np.abs(found @ found.T - (true * scaled**2) @ true.T).max() < 2e-2 * values[0] ** params.power
    largest = np.abs(fitted.vectors[:, :count]).argmax(axis=0)
    # The last may be below what float32 tells from nothing.
    assert (fitted.vectors[largest, np.arange(count)] >= 0).all()


def test_nothing_above_chance_is_an_error() -> None:
    with pytest.raises(TrainingError, match="by chance"):
        Svd.fit(dataclasses.replace(job([[2] * 50]), params=SvdParams()))


@pytest.mark.parametrize("size", [1, 2, 3, 10, 1000, 6765])
def test_a_step_visits_every_place_once(size: int) -> None:
    assert sorted(k * coprime(size) % size for k in range(size)) == list(range(size))


def test_examples_are_the_counts_in_another_order() -> None:
    corpus = job(DOCUMENTS)
    counts = count_cooccurrences(corpus, inverse_weights(3), memory=1, keep=keep_probabilities(corpus.counts, 0))
    examples = shuffled_pairs(counts, GloveParams(x_max=5))
    again = shuffled_pairs(counts, GloveParams(x_max=5, memory=0))
    assert np.array_equal(examples.pairs, again.pairs)
    assert np.array_equal(examples.numbers, again.numbers)
    plain = plain_counts(DOCUMENTS, 3, lambda distance: 1 / distance)
    assert len(examples.pairs) == len(plain)
    for (low, high), (target, weight) in zip(examples.pairs.tolist(), examples.numbers.tolist(), strict=True):
        count = plain[low, high] / 2**24 * (2 if low == high else 1)
        assert target == pytest.approx(math.log(count), abs=1e-5)
        assert weight == pytest.approx(min((count / 5) ** 0.75, 1), abs=1e-5)


def test_even_windows_count_all_alike() -> None:
    assert set(even_weights(4).tolist()) == {1 << 24}
