"""Plain skip-gram, CBOW and fastText: the reference of `kernels/word2vec/`."""

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
        inputs: Input vectors; changed.
        outputs: Vectors of the predicted tokens; changed.
        keep: See `keep_probabilities`.
        draws: See `alias_table`.
    """

    def __init__(self, inputs: FloatArray, outputs: FloatArray, keep: list[int], draws: tuple[list[int], ...]) -> None:
        self.inputs, self.outputs = inputs, outputs
        self._keep, (self._limits, self._aliases) = keep, draws

    def learn_each(
        self, documents: list[list[int]], random: Random, *, window: int, negatives: int, alpha: float
    ) -> None:
        """Each neighbor of a token is a vector."""
        for tokens_kept in self._subsampled(documents, random):
            drawn = self._draw([tokens_kept[0]], negatives, random)
            for here, token in enumerate(tokens_kept):
                around = _around(tokens_kept, here, random.below(window) + 1)
                targets, drawn = (
                    [token, *drawn],
                    self._draw([tokens_kept[here + 1]], negatives, random) if tokens_kept[here + 1 :] else [],
                )
                x = self.inputs[around]
                np.add.at(self.inputs, around, self._moved(x, targets, 1, alpha) - x)

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
        """Train on means of neighbors, or of a token's `own` rows; TOGETHER tokens share `pool` negative samples."""
        for tokens_kept in self._subsampled(documents, random):
            drawn = self._draw([], pool, random)
            for start in range(0, len(tokens_kept), TOGETHER):
                places, targets = range(start, min(start + TOGETHER, len(tokens_kept))), drawn
                drawn = self._draw([], pool, random) if start + TOGETHER < len(tokens_kept) else []
                around = [_around(tokens_kept, here, random.below(window) + 1) for here in places]
                true = around if own else [[tokens_kept[here]] for here in places]
                rows = [own[tokens_kept[here]] for here in places] if own else around
                means = np.array([self.inputs[each].mean(axis=0) for each in rows])
                moved = np.array([
                    self._moved(mean[None], each, len(each), alpha)[0] for mean, each in zip(means, true, strict=True)
                ])  # fmt: skip
                # A true token is no negative sample of itself.
                weights = np.array([[sum(other != each for other in tokens) for each in targets] for tokens in true])
                moved = self._moved(moved, targets, 0, alpha * negatives / pool * weights)
                for each, step in zip(rows, moved - means, strict=True):
                    np.add.at(self.inputs, each, step)

    def _subsampled(self, documents: list[list[int]], random: Random) -> Iterator[list[int]]:
        for document in documents:
            tokens_kept = [t for t in document if self._keep[t] == 0xFFFFFFFF or random.bits() >> 32 < self._keep[t]]
            if len(tokens_kept) > 1:
                yield tokens_kept

    def _draw(self, never: list[int], wanted: int, random: Random) -> list[int]:
        drawn = []
        for _ in range(wanted):
            bits = random.bits()
            token = ((bits >> 32) * len(self._limits)) >> 32
            drawn.append(token if bits & 0xFFFFFFFF < self._limits[token] else self._aliases[token])
        return [token for token in drawn if token not in never]

    def _moved(self, x: FloatArray, targets: list[int], true: int, rates: float | FloatArray) -> FloatArray:
        """Vectors after one step towards the first `true` targets and away from the others, whose rows move too."""
        every = np.broadcast_to(rates, (len(x), len(targets)))
        for first in range(0, len(targets), GROUP):
            group = targets[first : first + GROUP]
            w = self.outputs[group]
            errors = every[:, first : first + GROUP] * (
                (np.arange(first, first + len(group)) < true) - 1 / (1 + np.exp(-(x @ w.T)))
            )
            np.add.at(self.outputs, group, errors.T @ x)
            x = x + errors @ w
        return x


def _around(tokens_kept: list[int], here: int, reach: int) -> list[int]:
    return [*tokens_kept[max(0, here - reach) : here], *tokens_kept[here + 1 : here + reach + 1]]
