"""Documents of about the same length as rows, filled up to the longest: what a model reads that is not pre-trained."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tokit.arrays import IdArray, IntArray

# Tokens that go through a model at once, padding included.
TOKENS_AT_ONCE = 4096


def by_length(lengths: IntArray, tokens: int = TOKENS_AT_ONCE) -> Iterator[IntArray]:
    """Numbers of documents, the shortest first, so many at a time as fit into so many tokens; at least one.

    Another measure of what a row takes goes as well as tokens, if it grows with them.
    """
    order = np.argsort(lengths, kind="stable")
    first = 0
    while first < len(order):
        # The last one of them is the longest: as many rows as it leaves room for.
        last = first + 1
        while last < len(order) and (last + 1 - first) * lengths[order[last]] <= tokens:
            last += 1
        yield order[first:last]
        first = last


def padded(
    data: IdArray | IntArray, ends: IntArray, numbers: IntArray, pad: int, multiple: int = 1
) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Some documents out of flat numbers as rows.

    Args:
        data: Of all documents.
        ends: Exclusive end of each document.
        numbers: Which ones.
        pad: What fills rows up.
        multiple: Rows are of a multiple of so many.

    Returns:
        int64 rows, shape (documents, longest or a little more), and where they are not padding.
    """
    lengths = np.diff(ends, prepend=0)[numbers]
    longest = -(-int(lengths.max(initial=0)) // multiple) * multiple
    real = np.arange(longest) < lengths[:, None]
    rows = np.full(real.shape, pad, dtype=np.int64)
    rows[real] = data[_flat(ends[numbers], lengths)]
    return rows, real


def _flat(ends: IntArray, lengths: IntArray) -> IntArray:
    """Places of the items of some documents, one document behind the other."""
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    places: IntArray = np.repeat(ends - lengths, lengths) + within
    return places
