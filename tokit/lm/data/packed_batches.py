"""Batches of packed rows for pre-training: rows without padding, from a stream that is mapped from disk.

The stream is split into rows of the same length, so that most documents lie whole in one; tokens attend only to their
own document. Each epoch has every row once, in an order of its own. A batch depends on the seed and its number alone,
so that a training can resume anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokit.arrays import IntArray
from tokit.ids.stream import IdStream
from tokit.lm.pretrain_params import PretrainParams

# Fractions of the masked words' tokens that become the mask token or a random one; the rest stay (Devlin et al. 2019).
BECOME_MASK, BECOME_RANDOM = 0.8, 0.1
# Random streams: order of rows, masks, choice of the objective.
ORDER, MASKS, OBJECTIVE = 0, 1, 2
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Batch:
    """Input of one step.

    Attributes:
        ids: int64, shape (rows, tokens).
        positions: Position of each token in its document, counted within the row; same shape.
        documents: Document number of each token; same shape.
        at: Indices into the flat ids that are predicted; int64, shape (n,).
        targets: Target token of each index; int64, shape (n,).
        causal: Tokens attend to earlier ones only.
        rows: Numbers of the rows in the stream.
    """

    ids: IntArray
    positions: IntArray
    documents: IntArray
    at: IntArray
    targets: IntArray
    causal: bool
    rows: IntArray


def draw(seed: int, purpose: int, number: int) -> np.random.Generator:
    """Generator of one purpose and number: counter-based, so that it does not depend on earlier draws."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, purpose, number]))


class PackedRows:
    """A stream of documents as rows of `context` tokens, each with one more token to predict.

    Args:
        stream: Ids with the template's special tokens.
        context: Tokens per row.
    """

    def __init__(self, stream: IdStream, context: int) -> None:
        self._data = stream.data
        self._ends = stream.ends
        self._starts = np.concatenate([np.zeros(1, dtype=np.int64), stream.ends])
        self.context = min(context, max(len(stream.data) - 1, 1))
        # A row needs one more token.
        self.count = max((len(stream.data) - 1) // self.context, 0)

    def take(self, numbers: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """(ids and one more, positions, documents) of rows, by their numbers."""
        first = numbers[:, None] * self.context
        at = first + np.arange(self.context + 1)
        documents = np.searchsorted(self._ends, at, side="right")
        positions = at - np.maximum(self._starts[documents], first)
        return self._data[at].astype(np.int64), positions, documents

    def rest(self) -> tuple[IntArray, IntArray, IntArray] | None:
        """The tokens after the last row as a shorter one, like `take`; None when there is nothing to predict."""
        first = self.count * self.context
        if len(self._data) - first < 2:
            return None
        at = np.arange(first, len(self._data))[None, :]
        documents = np.searchsorted(self._ends, at, side="right")
        return self._data[at].astype(np.int64), at - np.maximum(self._starts[documents], first), documents


@dataclass(frozen=True, slots=True)
class Masking:
    """Masking of words for masked language modeling.

    Attributes:
        begins: Tokens that begin a word; shape (vocab,). If all do, tokens are masked one by one.
        special: Tokens that are neither masked nor used as random ones; shape (vocab,).
        mask: Id of the mask token.
    """

    begins: Bools
    special: Bools
    mask: int

    def mask_words(self, ids: IntArray, rate: float, random: np.random.Generator) -> tuple[IntArray, IntArray]:
        """Mask words at random.

        Args:
            ids: Shape (rows, tokens).
            rate: Fraction of words to mask.
            random: Source of randomness.

        Returns:
            (masked copy of the ids; flat indices of the tokens to predict, ascending).
        """
        begins = self.begins[ids]
        begins[:, 0] = True
        words = np.cumsum(begins.reshape(-1)) - 1
        chosen = random.random(int(words[-1]) + 1) < rate
        flat = ids.reshape(-1)
        at = np.flatnonzero(chosen[words] & ~self.special[flat])
        action = random.random(len(at))
        ordinary = np.flatnonzero(~self.special)
        changed = flat.copy()
        changed[at[action < BECOME_MASK]] = self.mask
        replaced = at[(action >= BECOME_MASK) & (action < BECOME_MASK + BECOME_RANDOM)]
        changed[replaced] = ordinary[random.integers(len(ordinary), size=len(replaced))]
        return changed.reshape(ids.shape), at


class Batches:
    """The batches of a training by their number.

    Args:
        rows: The corpus; at least one row.
        params: Batch size, objective, fraction of masked words.
        masking: Masks words.
        seed: Seed of orders and masks.
        steps: Number of steps of the run, over which the fraction of masked words may change.
    """

    def __init__(self, rows: PackedRows, params: PretrainParams, masking: Masking, seed: int, steps: int) -> None:
        self._rows = rows
        self._params = params
        self._masking = masking
        self._seed = seed
        self._steps = steps
        self._orders: dict[int, IntArray] = {}

    def get(self, step: int) -> Batch:
        """The batch of a step, from 0 on."""
        numbers = self._numbers(step)
        ids, positions, documents = self._rows.take(numbers)
        causal = self._is_causal(step)
        if causal:
            at, inputs = np.arange(ids[:, 1:].size), ids[:, :-1]
            targets = ids[:, 1:].reshape(-1)
        else:
            inputs, at = self._masking.mask_words(
                ids[:, :-1], self.mlm_probability(step), draw(self._seed, MASKS, step)
            )
            targets = ids[:, :-1].reshape(-1)[at]
        return Batch(inputs, positions[:, :-1], documents[:, :-1], at, targets, causal, numbers)

    def mlm_probability(self, step: int) -> float:
        """Fraction of words to mask at a step."""
        first, last = self._params.mlm_probability, self._params.mlm_probability_end
        return first if last is None else first + (last - first) * min(step / max(self._steps - 1, 1), 1.0)

    def _is_causal(self, step: int) -> bool:
        objective = self._params.objective
        if objective != "mixed":
            return objective == "causal"
        return bool(draw(self._seed, OBJECTIVE, step).random() < self._params.causal_fraction)

    def _numbers(self, step: int) -> IntArray:
        places = step * self._params.batch_size + np.arange(self._params.batch_size)
        epochs, places = np.divmod(places, self._rows.count)
        return np.array([self._order(epoch)[k] for epoch, k in zip(epochs.tolist(), places.tolist(), strict=True)])

    def _order(self, epoch: int) -> IntArray:
        if epoch not in self._orders:
            # A batch may reach from the previous epoch into this one.
            self._orders = {e: order for e, order in self._orders.items() if e == epoch - 1}
            self._orders[epoch] = draw(self._seed, ORDER, epoch).permutation(self._rows.count)
        return self._orders[epoch]
