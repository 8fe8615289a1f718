"""Counts and GloVe's step are those of the plain versions, and spilling changes nothing."""

from __future__ import annotations

import dataclasses
import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.plain_cooccurrence import VOCAB, PlainGlove, job, many, plain_counts
from tokit.embedding.train import cooccurrence
from tokit.embedding.train.cooccurrence import (
    UNIT,
    CooccurrenceCounter,
    Cooccurrences,
    count_cooccurrences,
    dynamic_weights,
    even_weights,
    inverse_weights,
)
from tokit.embedding.train.word2vec import aligned_zeros, keep_probabilities
from tokit.kernels.compiled.loader import kernel

pytestmark = pytest.mark.slow

WEIGHTS: list[tuple[Callable[[int], cooccurrence.Numbers64], Callable[[int, int], float]]] = [
    (inverse_weights, lambda distance, _window: 1 / distance),
    (even_weights, lambda _distance, _window: 1),
    (dynamic_weights, lambda distance, window: (window - distance + 1) / window),
]


def as_dict(pairs: Cooccurrences) -> dict[tuple[int, int], int]:
    keys = [(key >> 32, key & 0xFFFFFFFF) for key in pairs.keys.tolist()]
    assert keys == sorted(set(keys))
    return dict(zip(keys, pairs.sums.tolist(), strict=True))


@pytest.mark.parametrize("chunk", [1, 7, 1 << 18])
@pytest.mark.parametrize("window", [1, 3, 100])
@pytest.mark.parametrize(("weights", "plain"), WEIGHTS)
def test_counts_equal_the_plain_ones(
    monkeypatch: pytest.MonkeyPatch,
    chunk: int,
    window: int,
    weights: Callable[[int], cooccurrence.Numbers64],
    plain: Callable[[int, int], float],
) -> None:
    monkeypatch.setattr(cooccurrence, "CHUNK_TOKENS", chunk)
    documents = many(window)
    corpus = job(documents)
    counted = count_cooccurrences(corpus, weights(window), memory=1, keep=keep_probabilities(corpus.counts, 0))
    assert as_dict(counted) == plain_counts(documents, window, lambda distance: plain(distance, window))


@pytest.mark.slow
@pytest.mark.parametrize("window", [1, 10, 100])
def test_spilling_changes_nothing(monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    monkeypatch.setattr(cooccurrence, "SMALLEST_TABLE", 2)
    spilled = []
    spill = CooccurrenceCounter._spill
    monkeypatch.setattr(CooccurrenceCounter, "_spill", lambda counter: spilled.append(1) or spill(counter))
    documents = many(9)
    corpus = job(documents)
    for memory in (0, 1):
        spilled.clear()
        counted = count_cooccurrences(
            corpus, inverse_weights(window), memory=memory, keep=keep_probabilities(corpus.counts, 0)
        )
        assert as_dict(counted) == plain_counts(documents, window, lambda distance: 1 / distance)
        assert (len(spilled) > 2) == (memory == 0)


def test_disk_space_is_allocated_before_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not there, that is an error: a write through a map would be the end of the process."""
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: (tmp_path / "numbers").open("w+b"))
    assert len(cooccurrence.mapped(1 << 16)) == 1 << 16
    assert 512 * (tmp_path / "numbers").stat().st_blocks >= 8 << 16
    assert len(cooccurrence.mapped(0)) == 0

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        cooccurrence.mapped(10)


def test_totals_count_both_directions() -> None:
    documents = many(4)
    corpus = job(documents)
    counted = count_cooccurrences(corpus, even_weights(2), memory=1, keep=keep_probabilities(corpus.counts, 0))
    full = np.zeros((VOCAB, VOCAB))
    for (low, high), count in plain_counts(documents, 2, lambda _: 1).items():
        full[low, high] += count / UNIT
        full[high, low] += count / UNIT
    assert np.array_equal(counted.totals(VOCAB), full.sum(axis=1))


@pytest.mark.parametrize("chunk", [1, 7, 1 << 18])
def test_windows_pass_over_unknown_tokens(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(cooccurrence, "CHUNK_TOKENS", chunk)
    documents = many(5)
    corpus = job(documents)
    corpus = dataclasses.replace(corpus, pieces=dataclasses.replace(corpus.pieces, unknown_id=7))
    counted = count_cooccurrences(corpus, inverse_weights(3), memory=1, keep=keep_probabilities(corpus.counts, 0))
    without = [[token for token in document if token != 7] for document in documents]
    assert as_dict(counted) == plain_counts(without, 3, lambda distance: 1 / distance)


def test_subsampling_drops_frequent_tokens_and_depends_on_the_seed_alone() -> None:
    corpus = job(many(1))
    kept = keep_probabilities(corpus.counts, 1e-3)
    some, again = (count_cooccurrences(corpus, even_weights(2), memory=1, keep=kept) for _ in range(2))
    every = count_cooccurrences(corpus, even_weights(2), memory=1, keep=keep_probabilities(corpus.counts, 0))
    assert as_dict(some) == as_dict(again)
    assert 0 < some.sums.sum() < every.sums.sum() / 2


@pytest.mark.parametrize("dim", [1, 16, 33, 100])
def test_glove_step_equals_the_plain_one(dim: int) -> None:
    draw = np.random.default_rng(dim)
    stride = -(-dim // 16) * 16
    table, biases = aligned_zeros(VOCAB * 4 * stride), aligned_zeros(VOCAB * 4)
    rows, bias_rows = table.reshape(VOCAB, 4, stride), biases.reshape(VOCAB, 4)
    rows[:, :2, :dim] = draw.normal(0, 0.3, (VOCAB, 2, dim))
    bias_rows[:, :2] = draw.normal(0, 0.3, (VOCAB, 2))
    rows[:, 2:], bias_rows[:, 2:] = 1, 1
    plain = PlainGlove(rows[:, :2, :dim].astype(np.float64), bias_rows[:, :2].astype(np.float64))
    pairs = draw.integers(0, VOCAB, (300, 2)).astype(np.uint32)
    pairs[::20, 1] = pairs[::20, 0]
    numbers = draw.random((300, 2)).astype(np.float32) * [5, 1]
    # One error is so large that it is bounded.
    numbers[17] = 500, 1
    loss, rate = np.zeros(1, dtype=np.float32), np.array([0.05], dtype=np.float32)
    kernel("learn_glove")(pairs, numbers.astype(np.float32), table, biases, stride, rate, loss)
    lost = 0.0
    for (i, j), (target, weight) in zip(pairs.tolist(), numbers.tolist(), strict=True):
        lost += plain.learn(i, j, target, weight, 0.05)
        lost += plain.learn(j, i, target, weight, 0.05) if i != j else 0
    assert loss[0] == pytest.approx(lost, rel=1e-4)
    assert np.abs(rows[:, :2, :dim] - plain.vectors).max() < 1e-4
    assert np.abs(rows[:, 2:, :dim] - plain.vector_squares).max() < 1e-3
    assert np.abs(bias_rows[:, :2] - plain.biases).max() < 1e-4
    assert not rows[:, :2, dim:].any()
