"""Analogies: a is to b as c is to the word whose vector is nearest to b - a + c.

3CosAdd: Mikolov et al. 2013, https://aclanthology.org/N13-1090
3CosMul: Levy and Goldberg 2014, https://aclanthology.org/W14-1618
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tokit.arrays import FloatArray, IntArray
from tokit.errors import UsageError
from tokit.registry import did_you_mean

# Cosines that are computed at a time: 32 MB.
AT_ONCE = 1 << 23
# As in the paper; avoids a division by zero for a word that is opposite to a.
EPSILON = 0.001
Scorer: TypeAlias = Callable[[IntArray, FloatArray], FloatArray]


def solve(questions: IntArray, unit: FloatArray, barred: IntArray, *, method: str = "3cosadd") -> IntArray:
    """Row of the best answer to each question.

    Args:
        questions: Rows of a, b and c; shape (n, 3).
        unit: Vectors of the candidates, of length one; shape (rows, dim).
        barred: Rows that are excluded as answers to each question, its own words among them; shape (n, k), may repeat.
        method: 3cosadd, or 3cosmul.

    Returns:
        Shape (n,); the lowest of rows that are equally good.
    """
    score = scorer(method)
    best = np.empty(len(questions), dtype=np.int64)
    step = max(1, AT_ONCE // max(1, len(unit)))
    for first in range(0, len(questions), step):
        part = slice(first, first + step)
        scores = score(questions[part], unit)
        scores[np.arange(len(scores))[:, None], barred[part]] = -np.inf
        best[part] = scores.argmax(axis=1)
    return best


def scorer(method: str) -> Scorer:
    """Scoring function by the name of its method.

    Raises:
        UsageError: an unknown method.
    """
    if method not in METHODS:
        raise UsageError(f"unknown --method '{method}'", hint=did_you_mean(method, list(METHODS)))
    return METHODS[method]


def _add(questions: IntArray, unit: FloatArray) -> FloatArray:
    a, b, c = (unit[questions[:, i]] for i in range(3))
    scores: FloatArray = np.matmul(b - a + c, unit.T, dtype=np.float32)
    return scores


def _multiply(questions: IntArray, unit: FloatArray) -> FloatArray:
    # Neighboring questions share words, whose cosines are computed once.
    rows, which = np.unique(questions, return_inverse=True)
    cosines = (unit[rows] @ unit.T + 1) / 2
    a, b, c = (cosines[which.reshape(questions.shape)[:, i]] for i in range(3))
    return np.divide(b * c, a + np.float32(EPSILON), dtype=np.float32)


METHODS: dict[str, Scorer] = {"3cosadd": _add, "3cosmul": _multiply}
