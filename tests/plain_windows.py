"""Skip-gram and bag of words as plainly as can be: what `kernels/windows.py` is held against."""

from __future__ import annotations

import numpy as np

from tokit.arrays import FloatArray
from tokit.embedding.windows import GROUP, SHARED

WORD = (1 << 64) - 1


class Random:
    """splitmix64."""

    def __init__(self, state: int) -> None:
        self.state = state

    def bits(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & WORD
        x = self.state
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & WORD
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & WORD
        return x ^ (x >> 31)

    def below(self, limit: int) -> int:
        return ((self.bits() >> 32) * limit) >> 32


class PlainWindows:
    """Two tables, float64, and how they learn a block.

    Args:
        inputs: Vectors of neighbours; changed.
        outputs: Vectors of tokens told from random ones; changed.
        keep: See `kept_shares`.
        draws: See `alias_table`.
    """

    def __init__(self, inputs: FloatArray, outputs: FloatArray, keep: list[int], draws: tuple[list[int], ...]) -> None:
        self.inputs, self.outputs = inputs, outputs
        self._keep, (self._limits, self._others) = keep, draws

    def learn(
        self, documents: list[list[int]], random: Random, *, bag: bool, window: int, negatives: int, alpha: float
    ) -> None:
        for document in documents:
            kept = [t for t in document if self._keep[t] == 0xFFFFFFFF or random.bits() >> 32 < self._keep[t]]
            if len(kept) < 2:
                continue
            drawn = self._draw(kept[0], negatives, random)
            for here, token in enumerate(kept):
                reach = random.below(window) + 1
                told, drawn = [token, *drawn], self._draw(kept[here + 1], negatives, random) if kept[here + 1 :] else []
                around = [*kept[max(0, here - reach) : here], *kept[here + 1 : here + reach + 1]]
                self._step(told, around, bag=bag, alpha=alpha)

    def _draw(self, target: int, negatives: int, random: Random) -> list[int]:
        drawn = []
        for _ in range(negatives):
            bits = random.bits()
            token = ((bits >> 32) * len(self._limits)) >> 32
            drawn.append(token if bits & 0xFFFFFFFF < self._limits[token] else self._others[token])
        return [token for token in drawn if token != target]

    def learn_ngrams(
        self,
        documents: list[list[int]],
        own: list[list[int]],
        random: Random,
        *,
        window: int,
        negatives: int,
        alpha: float,
    ) -> None:
        for document in documents:
            kept = [t for t in document if self._keep[t] == 0xFFFFFFFF or random.bits() >> 32 < self._keep[t]]
            if len(kept) < 2:
                continue
            for here, token in enumerate(kept):
                reach = random.below(window) + 1
                around = [*kept[max(0, here - reach) : here], *kept[here + 1 : here + reach + 1]]
                sets = -(-len(around) // SHARED)
                drawn = [each for each in self._draw(-1, negatives * sets, random) if each not in around]
                weight = len(around) / sets
                self._step([*around, *drawn], own[token], bag=True, alpha=alpha, true=len(around), weight=weight)

    def _step(
        self, told: list[int], around: list[int], *, bag: bool, alpha: float, true: int = 1, weight: float = 1
    ) -> None:
        x = self.inputs[around]
        if bag:
            x = x.mean(axis=0, keepdims=True)
        start = x.copy()
        for first in range(0, len(told), GROUP):
            group = told[first : first + GROUP]
            w = self.outputs[group]
            are_true = np.arange(first, first + len(group)) < true
            errors = (are_true - 1 / (1 + np.exp(-(x @ w.T)))) * np.where(are_true, alpha, alpha * weight)
            np.add.at(self.outputs, group, errors.T @ x)
            x = x + errors @ w
        np.add.at(self.inputs, around, np.repeat(x - start, len(around), axis=0) if bag else x - start)
