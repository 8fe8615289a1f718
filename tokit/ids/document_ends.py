"""The end-of-text token behind each document: one, also where a document brings its own."""

from __future__ import annotations

import numpy as np

from tokit.arrays import Ids, Mask


def lacks_end(ids: Ids, end_of_text: int) -> Mask:
    """True for each document whose last id is not the end of text; shape (documents,)."""
    lacking = np.ones(len(ids), dtype=np.bool_)
    filled = ids.lengths > 0
    lacking[filled] = ids.data[ids.ends[filled] - 1] != end_of_text
    return lacking


def with_ends(ids: Ids, end_of_text: int) -> Ids:
    """The same documents, each with one end of text: a template, or text that was parsed, may end in it already."""
    lacking = lacks_end(ids, end_of_text)
    data = np.insert(ids.data, ids.ends[lacking], end_of_text)
    return Ids(data, ids.ends + np.cumsum(lacking, dtype=np.int64))
