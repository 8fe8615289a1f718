"""Skip-gram, bag of words and n-grams as plainly as can be: what `kernels/windows.py` is held against."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tokit.arrays import FloatArray
from tokit.kernels.layout import GROUP, TOGETHER

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
        inputs: Vectors of neighbors; changed.
        outputs: Vectors of tokens told from random ones; changed.
        keep: See `keep_probabilities`.
        draws: See `alias_table`.
    """

    def __init__(self, inputs: FloatArray, outputs: FloatArray, keep: list[int], draws: tuple[list[int], ...]) -> None:
        self.inputs, self.outputs = inputs, outputs
        self._keep, (self._limits, self._others) = keep, draws

    def learn_each(
        self, documents: list[list[int]], random: Random, *, window: int, negatives: int, alpha: float
    ) -> None:
        """Each neighbor of a token is a vector."""
        for kept in self._kept(documents, random):
            drawn = self._draw([kept[0]], negatives, random)
            for here, token in enumerate(kept):
                around = _around(kept, here, random.below(window) + 1)
                told, drawn = (
                    [token, *drawn],
                    self._draw([kept[here + 1]], negatives, random) if kept[here + 1 :] else [],
                )
                x = self.inputs[around]
                np.add.at(self.inputs, around, self._moved(x, told, 1, alpha) - x)

    def learn_means(
        self,
        documents: list[list[int]],
        own: list[list[int]] | None,
        random: Random,
        *,
        window: int,
        negatives: int,
        pool: int,
        alpha: float,
    ) -> None:
        """The mean of a token's neighbors, or of its `own` rows, is a vector; TOGETHER share `pool` random tokens."""
        for kept in self._kept(documents, random):
            drawn = self._draw([], pool, random)
            for start in range(0, len(kept), TOGETHER):
                places, told = range(start, min(start + TOGETHER, len(kept))), drawn
                drawn = self._draw([], pool, random) if start + TOGETHER < len(kept) else []
                around = [_around(kept, here, random.below(window) + 1) for here in places]
                true = around if own else [[kept[here]] for here in places]
                rows = [own[kept[here]] for here in places] if own else around
                means = np.array([self.inputs[each].mean(axis=0) for each in rows])
                moved = np.array([
                    self._moved(mean[None], each, len(each), alpha)[0] for mean, each in zip(means, true, strict=True)
                ])  # fmt: skip
                # Against a true token no random one is drawn that is the same.
                weights = np.array([[sum(other != each for other in tokens) for each in told] for tokens in true])
                moved = self._moved(moved, told, 0, alpha * negatives / pool * weights)
                for each, step in zip(rows, moved - means, strict=True):
                    np.add.at(self.inputs, each, step)

    def _kept(self, documents: list[list[int]], random: Random) -> Iterator[list[int]]:
        for document in documents:
            kept = [t for t in document if self._keep[t] == 0xFFFFFFFF or random.bits() >> 32 < self._keep[t]]
            if len(kept) > 1:
                yield kept

    def _draw(self, never: list[int], wanted: int, random: Random) -> list[int]:
        drawn = []
        for _ in range(wanted):
            bits = random.bits()
            token = ((bits >> 32) * len(self._limits)) >> 32
            drawn.append(token if bits & 0xFFFFFFFF < self._limits[token] else self._others[token])
        return [token for token in drawn if token not in never]

    def _moved(self, x: FloatArray, told: list[int], true: int, rates: float | FloatArray) -> FloatArray:
        """Vectors after being told the first `true` tokens from the others; the tokens' rows are moved too."""
        every = np.broadcast_to(rates, (len(x), len(told)))
        for first in range(0, len(told), GROUP):
            group = told[first : first + GROUP]
            w = self.outputs[group]
            errors = every[:, first : first + GROUP] * (
                (np.arange(first, first + len(group)) < true) - 1 / (1 + np.exp(-(x @ w.T)))
            )
            np.add.at(self.outputs, group, errors.T @ x)
            x = x + errors @ w
        return x


def _around(kept: list[int], here: int, reach: int) -> list[int]:
    return [*kept[max(0, here - reach) : here], *kept[here + 1 : here + reach + 1]]
