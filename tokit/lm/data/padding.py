"""Padded rows of documents of about the same length, for fine-tuning and inference."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tokit.arrays import IdArray, IntArray

# Tokens of a batch, padding included.
TOKENS_AT_ONCE = 4096


def by_length(lengths: IntArray, tokens: int = TOKENS_AT_ONCE) -> Iterator[IntArray]:
    """Group documents into batches of at most `tokens` tokens, padding included; each has at least one document.

    Yields the numbers of the documents, the shortest first. Any other cost of a row may stand in for tokens, if it
    grows with its length.
    """
    order = np.argsort(lengths, kind="stable")
    first = 0
    while first < len(order):
        # The last document is the longest one and decides the length of the rows.
        last = first + 1
        while last < len(order) and (last + 1 - first) * lengths[order[last]] <= tokens:
            last += 1
        yield order[first:last]
        first = last


def padded(
    data: IdArray | IntArray, ends: IntArray, numbers: IntArray, pad: int, multiple: int = 1
) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Padded rows of documents.

    Args:
        data: Ids of all documents, flat.
        ends: Exclusive end of each document.
        numbers: Numbers of the documents to take.
        pad: Padding id.
        multiple: The length of rows is rounded up to a multiple of this.

    Returns:
        (int64 rows, shape (documents, tokens); True where a token is not padding).
    """
    lengths = np.diff(ends, prepend=0)[numbers]
    longest = -(-int(lengths.max(initial=0)) // multiple) * multiple
    real = np.arange(longest) < lengths[:, None]
    rows = np.full(real.shape, pad, dtype=np.int64)
    rows[real] = data[_flat(ends[numbers], lengths)]
    return rows, real


def _flat(ends: IntArray, lengths: IntArray) -> IntArray:
    """Flat indices of the tokens of documents, one document after the other."""
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    places: IntArray = np.repeat(ends - lengths, lengths) + within
    return places
