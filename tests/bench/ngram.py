"""Interpolated modified Kneser-Ney: the n-gram model that language models are held against.

Chen and Goodman 1999, https://doi.org/10.1006/csla.1999.0128; n-grams at the beginning of a document, which nothing can
precede, keep their plain counts, as in Heafield et al. 2013, https://aclanthology.org/P13-2121. Documents begin with a
symbol that is never predicted, and end with one that is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
ABSENT = -1
# Discounts of what was seen once, twice, and more often, where too few were seen to estimate them.
FALLBACK = (0.5, 1.0, 1.5)


@dataclass(frozen=True, slots=True)
class Order:
    """All n-grams of a length; an n-gram is a number, its place in `keys`.

    Attributes:
        keys: Number of the n-gram without its last token, times the tokens, plus the last token; ascending.
        kept: Share of each n-gram in its context, discounted; shape as `keys`.
        left: Share of each context that goes to the lower order; by number of the context, shape (contexts,).
        known: Contexts that were seen with something behind them.
    """

    keys: IntArray
    kept: FloatArray
    left: FloatArray
    known: npt.NDArray[np.bool_]


class KneserNey:
    """A model over token ids.

    Args:
        ids: Of all documents, none of them framed; shape (tokens,).
        ends: Exclusive end of each document; shape (documents,).
        vocab_size: Ids are below it.
        end: The id that is predicted behind the last token of a document.
        order: Tokens of the longest n-grams.
    """

    def __init__(self, ids: IntArray, ends: IntArray, vocab_size: int, end: int, order: int = 5) -> None:
        self.vocab_size, self.order, self._end = vocab_size, order, end
        # The symbol that begins a document comes behind the ids.
        self._symbols = vocab_size + 1
        tokens, places = self._framed(ids, ends)
        keys, counts, suffixes = [], [], []
        numbers = tokens
        for length in range(1, order + 1):
            if length == 1:
                found, last = np.arange(self._symbols), np.zeros(self._symbols, dtype=np.int64)
                count = np.bincount(tokens[places > 0], minlength=self._symbols)
            else:
                whole = np.flatnonzero(places >= length - 1)
                key = numbers[whole - 1] * self._symbols + tokens[whole]
                found, first, inverse, count = np.unique(
                    key, return_index=True, return_inverse=True, return_counts=True
                )
                # What an n-gram is without its first token: the shorter one that ends at the same place.
                last = numbers[whole[first]]
                numbers = np.full(len(tokens), ABSENT)
                numbers[whole] = inverse
            keys.append(found)
            counts.append(count)
            suffixes.append(last)
        self._orders = [
            _order(keys[k], self._adjusted(k, counts, suffixes), self._symbols, len(keys[k - 1]) if k else 1)
            for k in range(order)
        ]

    @property
    def size(self) -> int:
        """N-grams of all lengths."""
        return sum(len(order.keys) for order in self._orders)

    def _framed(self, ids: IntArray, ends: IntArray) -> tuple[IntArray, IntArray]:
        """(tokens with the symbols around each document, the place of each in its document)."""
        lengths = np.diff(ends, prepend=0)
        starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths + 2)])[:-1]
        tokens = np.empty(int(lengths.sum()) + 2 * len(ends), dtype=np.int64)
        places = np.arange(len(tokens)) - np.repeat(starts, lengths + 2)
        tokens[(places > 0) & (places <= np.repeat(lengths, lengths + 2))] = ids[: int(lengths.sum())]
        tokens[starts] = self.vocab_size
        tokens[starts + lengths + 1] = self._end
        return tokens, places

    def _adjusted(self, k: int, counts: list[IntArray], suffixes: list[IntArray]) -> IntArray:
        """Number of different tokens before an n-gram; of the longest, and where none can precede, the count."""
        if k == self.order - 1:
            return counts[k]
        preceding = np.bincount(suffixes[k + 1], minlength=len(counts[k]))
        return np.where(preceding > 0, preceding, counts[k])

    def probabilities(self, ids: IntArray, ends: IntArray) -> FloatArray:
        """Of each token of documents after those before it; of the ends too, each behind its document."""
        tokens, places = self._framed(ids, ends)
        contexts: IntArray = np.zeros(len(tokens), dtype=np.int64)
        numbers = np.where(tokens < self._symbols, tokens, ABSENT)
        found = np.full(len(tokens), 1 / self.vocab_size)
        for length, order in enumerate(self._orders, start=1):
            if length > 1:
                contexts = np.concatenate([[ABSENT], numbers[:-1]])
                contexts[places < length - 1] = ABSENT
                numbers = _places(order, contexts, tokens, self._symbols)
            found = _interpolated(order, contexts, tokens, found, self._symbols)
        return found[places > 0]

    def distribution(self, context: list[int], *, begins: bool = True) -> FloatArray:
        """The probability of every id after some tokens, which begin a document or not; shape (vocab,)."""
        before = np.array(([self.vocab_size] if begins else []) + context, dtype=np.int64)
        tokens = np.arange(self.vocab_size)
        found = np.full(self.vocab_size, 1 / self.vocab_size)
        for length, order in enumerate(self._orders, start=1):
            if length - 1 > len(before):
                break
            number = 0
            for k, token in enumerate(before[len(before) - length + 1 :].tolist()):
                at = np.array([token])
                number = token if k == 0 else int(_places(self._orders[k], np.array([number]), at, self._symbols)[0])
            found = _interpolated(order, np.full(self.vocab_size, number), tokens, found, self._symbols)
        return found


def _order(keys: IntArray, adjusted: IntArray, symbols: int, contexts: int) -> Order:
    context = keys // symbols
    discounts = _discounts(adjusted)[np.minimum(adjusted, 3)]
    total = np.bincount(context, weights=adjusted, minlength=contexts)
    taken = np.bincount(context, weights=discounts, minlength=contexts)
    known = total > 0
    # A context that only ends documents has nothing behind it.
    divisor = np.where(known, total, 1.0)
    return Order(keys, (adjusted - discounts) / divisor[context], taken / divisor, known)


def _discounts(adjusted: IntArray) -> FloatArray:
    """Of n-grams by their adjusted count: 0, 1, 2, and 3 or more (equation 26 of Chen and Goodman)."""
    once, twice, thrice, four = (int((adjusted == count).sum()) for count in (1, 2, 3, 4))
    if not all((once, twice, thrice, four)):
        return np.array([0.0, *FALLBACK])
    share = once / (once + 2 * twice)
    found = [1 - 2 * share * twice / once, 2 - 3 * share * thrice / twice, 3 - 4 * share * four / thrice]
    usable = all(0 < discount <= count for count, discount in enumerate(found, start=1))
    return np.array([0.0, *(found if usable else FALLBACK)])


def _places(order: Order, contexts: IntArray, tokens: IntArray, symbols: int) -> IntArray:
    """Numbers of the n-grams of contexts and tokens; `ABSENT` where one was not seen."""
    wanted = contexts * symbols + tokens
    at = np.minimum(np.searchsorted(order.keys, wanted), max(len(order.keys) - 1, 0))
    seen = (contexts != ABSENT) & (order.keys[at] == wanted) if len(order.keys) else np.zeros(len(at), dtype=np.bool_)
    return np.where(seen, at, ABSENT)


def _interpolated(order: Order, contexts: IntArray, tokens: IntArray, lower: FloatArray, symbols: int) -> FloatArray:
    """Probabilities by an order, given those by the lower ones, which stay where the context is not known."""
    at = _places(order, contexts, tokens, symbols)
    known = (contexts != ABSENT) & order.known[contexts]
    kept = np.where(at != ABSENT, order.kept[at], 0.0)
    return np.where(known, kept + order.left[contexts] * lower, lower)
