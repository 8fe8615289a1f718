"""The n-gram baseline: a distribution whatever comes before, and the one that its paper's formulas give by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.bench.ngram import KneserNey

WORDS, END = 30, 0


def documents(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    lengths = random.integers(0, 12, count)
    return 1 + random.geometric(0.15, int(lengths.sum())) % (WORDS - 1), np.cumsum(lengths)


@pytest.fixture(scope="module")
def model() -> KneserNey:
    return KneserNey(*documents(1, 400), WORDS, END)


@pytest.mark.parametrize("begins", [True, False])
@pytest.mark.parametrize("context", [[], [3], [2, 5], [1, 1, 4], [1, 2, 3, 4], [2, 1, 2, 1, 3, 2], [29, 28, 27, 26]])
def test_probabilities_after_a_context_sum_to_one(model: KneserNey, context: list[int], begins: bool) -> None:
    found = model.distribution(context, begins=begins)
    assert found.shape == (WORDS,) and (found > 0).all()
    assert found.sum() == pytest.approx(1, abs=1e-12)


def test_probabilities_of_documents_are_those_of_their_contexts(model: KneserNey) -> None:
    ids, ends = documents(2, 20)
    found, starts = iter(model.probabilities(ids, ends)), [0, *ends[:-1]]
    for start, end in zip(starts, ends, strict=True):
        document = ids[start:end].tolist()
        for number, token in enumerate([*document, END]):
            assert next(found) == pytest.approx(model.distribution(document[:number])[token], rel=1e-12)
    assert next(found, None) is None


def by_hand(texts: list[list[int]], context: tuple[int, ...], word: int) -> float:
    """The bigram model of the paper's section 3, without arrays."""
    bigrams = Counter(pair for text in texts for pair in zip([WORDS, *text], [*text, END], strict=True))
    before = Counter(last for _, last in bigrams)

    def discounts(counts: Counter) -> list[float]:
        n = [sum(count == k for count in counts.values()) for k in range(5)]
        y = n[1] / (n[1] + 2 * n[2])
        found = [0, 1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3]]
        # Else the model falls back on others.
        assert all(0 < each <= k for k, each in enumerate(found) if k)
        return found

    def level(counts: dict, discount: list[float], lower: float) -> float:
        total, taken = sum(counts.values()), sum(discount[min(count, 3)] for count in counts.values())
        kept = counts.get(word, 0) - discount[min(counts.get(word, 0), 3)]
        return kept / total + taken / total * lower

    unigram = level(before, discounts(before), 1 / WORDS)
    return level({last: n for (first, last), n in bigrams.items() if first == context[-1]}, discounts(bigrams), unigram)


def test_a_bigram_model_is_that_of_the_formulas() -> None:
    ids, ends = documents(4, 60)
    texts = [ids[start:end].tolist() for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    model = KneserNey(ids, ends, WORDS, END, order=2)
    for context in ([], [7], [1], [4], [8]):
        found = model.distribution(context)
        for word in range(WORDS):
            assert found[word] == pytest.approx(by_hand(texts, (WORDS, *context), word), rel=1e-12), (context, word)


def test_longer_contexts_predict_better(model: KneserNey) -> None:
    # Text with an order of its own: each word says which one follows.
    chain = np.array([1 + (k * k + k // 7) % (WORDS - 1) for k in range(600)])
    ends = np.arange(20, 601, 20)
    bits = [
        -np.log2(
            KneserNey(chain[:500], ends[:25], WORDS, END, order).probabilities(chain[500:], ends[25:] - 500)
        ).mean()
        for order in (1, 2, 3)
    ]
    assert bits[0] > bits[1] > bits[2]
