"""Analogies: a is to b as c is to the word whose vector lies nearest to b - a + c.

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

# So many cosines are held at a time: 32 MB of them.
AT_ONCE = 1 << 23
# The paper's; keeps a word that is opposite to a from a division by zero.
EPSILON = 0.001
Scorer: TypeAlias = Callable[[IntArray, FloatArray], FloatArray]


def solve(questions: IntArray, unit: FloatArray, barred: IntArray, *, method: str = "3cosadd") -> IntArray:
    """The row that answers each question best.

    Args:
        questions: Rows of a, b and c; shape (n, 3).
        unit: The candidates' vectors, of length one; shape (rows, dim).
        barred: Rows that are no answer to each question, its own words among them; shape (n, k), repeated at will.
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
    """The function of a method's name.

    Raises:
        UsageError: there is none.
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
