"""Ids of documents: truncated, in a template, and in one order again after two ways of encoding."""

from __future__ import annotations

import numpy as np

from tokit.arrays import Ids, Mask


def truncated(ids: Ids, room: int) -> Ids:
    """The first `room` ids of each document."""
    lengths = ids.lengths
    if lengths.max(initial=0) <= room:
        return ids
    places = np.arange(len(ids.data)) - np.repeat(ids.ends - lengths, lengths)
    return Ids(ids.data[places < room], np.cumsum(np.minimum(lengths, room), dtype=np.int64))


def framed_ids(ids: Ids, before: list[int], after: list[int]) -> Ids:
    """The same documents with the ids of a template around each."""
    if not before and not after:
        return ids
    starts, count = ids.starts, len(ids)
    places = np.concatenate([np.repeat(starts, len(before)), np.repeat(ids.ends, len(after))])
    values = np.concatenate([np.tile(before, count), np.tile(after, count)]).astype(np.uint32)
    # Of ids that go to one place, `np.insert` keeps the order given; an empty document has both at its place.
    order = np.argsort(
        np.concatenate([np.repeat(2 * np.arange(count), len(before)), np.repeat(2 * np.arange(count) + 1, len(after))]),
        kind="stable",
    )
    added = (len(before) + len(after)) * np.arange(1, count + 1, dtype=np.int64)
    return Ids(np.insert(ids.data, places[order], values[order]), ids.ends + added)


def interleaved(kernel_ids: Ids, library_ids: Ids, by_library: Mask) -> Ids:
    """All documents in their order: those of `library_ids` where `by_library` is true."""
    lengths = np.empty(len(by_library), dtype=np.int64)
    lengths[~by_library] = kernel_ids.lengths
    lengths[by_library] = library_ids.lengths
    ends = np.cumsum(lengths, dtype=np.int64)
    of_library = np.repeat(by_library, lengths)
    data = np.empty(len(of_library), dtype=np.uint32)
    data[~of_library] = kernel_ids.data
    data[of_library] = library_ids.data
    return Ids(data, ends)
