"""Rows of tokens without padding, out of a stream that is mapped from disk: what a step of the optimizer sees.

The stream is cut into rows of the same length, so that most documents lie whole in one; a token sees only those of its
own document. Each row comes once an epoch, in an order of its own; what a batch holds depends on the seed and its
number alone, so that a training can go on anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokit.arrays import IntArray
from tokit.ids.stream import IdStream
from tokit.lm.pretrain_params import PretrainParams

# Of the masked tokens so many become the mask, and so many a random token; the rest stays (Devlin et al. 2019).
BECOME_MASK, BECOME_RANDOM = 0.8, 0.1
# Which stream of random numbers: the order of rows, the masks, which objective.
ORDER, MASKS, OBJECTIVE = 0, 1, 2
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step learns from.

    Attributes:
        ids: int64, shape (rows, tokens).
        positions: Of each token in its document, from where the row begins; same shape.
        documents: A number for each document; same shape.
        at: Places in the flat ids whose predictions are wanted; int64, shape (n,).
        targets: The tokens that should be predicted there; int64, shape (n,).
        causal: Tokens see only earlier ones.
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
    """The random numbers of one thing: counter-based, so that none depends on another."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, purpose, number]))


class PackedRows:
    """A stream of framed documents as rows of `context` tokens, and one token behind each to be predicted.

    Args:
        stream: Ids with the special tokens of the template.
        context: Tokens of a row.
    """

    def __init__(self, stream: IdStream, context: int) -> None:
        self._data = stream.data
        self._ends = stream.ends
        self._starts = np.concatenate([np.zeros(1, dtype=np.int64), stream.ends])
        self.context = min(context, max(len(stream.data) - 1, 1))
        # A row has a token behind it.
        self.count = max((len(stream.data) - 1) // self.context, 0)

    def take(self, numbers: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """(ids and one more, positions, documents) of rows."""
        first = numbers[:, None] * self.context
        at = first + np.arange(self.context + 1)
        documents = np.searchsorted(self._ends, at, side="right")
        positions = at - np.maximum(self._starts[documents], first)
        return self._data[at].astype(np.int64), positions, documents

    def rest(self) -> tuple[IntArray, IntArray, IntArray] | None:
        """The same of what is left behind the last row, as one shorter row; None when there is nothing to predict."""
        first = self.count * self.context
        if len(self._data) - first < 2:
            return None
        at = np.arange(first, len(self._data))[None, :]
        documents = np.searchsorted(self._ends, at, side="right")
        return self._data[at].astype(np.int64), at - np.maximum(self._starts[documents], first), documents


@dataclass(frozen=True, slots=True)
class Masking:
    """How tokens are hidden.

    Attributes:
        begins: Tokens that begin a word; shape (vocab,). All of them, and pieces are hidden one by one.
        special: Tokens that are never hidden nor put in another's place; shape (vocab,).
        mask: The id that hides.
    """

    begins: Bools
    special: Bools
    mask: int

    def hide(self, ids: IntArray, rate: float, random: np.random.Generator) -> tuple[IntArray, IntArray]:
        """Hide words.

        Args:
            ids: Shape (rows, tokens).
            rate: Share of the words that are hidden, of those with ordinary tokens.
            random: Which.

        Returns:
            The ids, changed in a copy, and the flat places whose tokens are to be predicted, ascending.
        """
        begins = self.begins[ids]
        begins[:, 0] = True
        words = np.cumsum(begins.reshape(-1)) - 1
        chosen = random.random(int(words[-1]) + 1) < rate
        flat = ids.reshape(-1)
        hidden = np.flatnonzero(chosen[words] & ~self.special[flat])
        what = random.random(len(hidden))
        ordinary = np.flatnonzero(~self.special)
        changed = flat.copy()
        changed[hidden[what < BECOME_MASK]] = self.mask
        other = hidden[(what >= BECOME_MASK) & (what < BECOME_MASK + BECOME_RANDOM)]
        changed[other] = ordinary[random.integers(len(ordinary), size=len(other))]
        return changed.reshape(ids.shape), hidden


class Batches:
    """The batches of a training by their number.

    Args:
        rows: Where they come from; at least one row.
        params: Size, objective, masks.
        masking: How tokens are hidden.
        seed: Of orders and masks.
        steps: Of the whole training, over which the share of masked words may change.
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
            inputs, at = self._masking.hide(ids[:, :-1], self.mask_rate(step), draw(self._seed, MASKS, step))
            targets = ids[:, :-1].reshape(-1)[at]
        return Batch(inputs, positions[:, :-1], documents[:, :-1], at, targets, causal, numbers)

    def mask_rate(self, step: int) -> float:
        """Share of words hidden at a step."""
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
            # The one before is still asked for where a batch crosses from one epoch to the next.
            self._orders = {e: order for e, order in self._orders.items() if e == epoch - 1}
            self._orders[epoch] = draw(self._seed, ORDER, epoch).permutation(self._rows.count)
        return self._orders[epoch]
