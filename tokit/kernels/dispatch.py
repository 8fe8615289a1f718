"""Jobs on arrays that a kernel or NumPy does: one function a job, which chooses the faster engine.

The result is the same either way, so callers do not know which of the two ran. Where the alternative to a kernel is a
library, or belongs to one package, the choice stands in one function there: counting and decoding, for example.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tokit.arrays import Block, Ids, IntArray
from tokit.kernels.compiled.loader import kernel, kernel_pays_off

# "00" to "99", one after the other.
TWO_DIGITS = np.frombuffer(b"".join(b"%02d" % number for number in range(100)), dtype=np.uint8)
# Digits of the largest id and a separator.
LONGEST_ID = 11


def format_ids(ids: Ids) -> bytes:
    """Format the ids of each document as a line of decimal numbers between spaces."""
    if not kernel_pays_off("format_ids", ids.data.nbytes):
        return b"".join([" ".join(map(str, row)).encode("ascii") + b"\n" for row in ids.lists()])
    out = np.empty(LONGEST_ID * len(ids.data) + len(ids) + 1, dtype=np.uint8)
    used = kernel("format_ids")(ids.data, ids.ends, TWO_DIGITS, out)
    return out[:used].tobytes()


def parse_ids(block: Block, vocab_size: int) -> Ids | None:
    """Parse lines of decimal numbers between spaces.

    Returns:
        The ids; None where a line holds anything else or an id outside the vocabulary, or the block is small: a caller
        parses those line by line, and names the line that is wrong.
    """
    if not kernel_pays_off("parse_ids", len(block.data)):
        return None
    out = np.empty(len(block.data) // 2 + len(block) + 1, dtype=np.uint32)
    ends = np.empty(len(block), dtype=np.int64)
    count = kernel("parse_ids")(block.data, block.ends, vocab_size, out, ends)
    return Ids(out[:count], ends) if count >= 0 else None


def pack_ids(
    ids: Ids, end_of_text: int | None, dtype: np.dtype[np.unsignedinteger]
) -> tuple[npt.NDArray[Any], IntArray]:
    """Convert ids to 16 or 32 bits, with an end-of-text id after each document unless it is None.

    Returns:
        The ids, and the end of each document in them; int64, shape (documents,).
    """
    if not kernel_pays_off("pack_ids", ids.data.nbytes):
        return _pack_ids_plainly(ids, end_of_text, dtype)
    separators = 0 if end_of_text is None else len(ids)
    out = np.empty(len(ids.data) + separators, dtype=dtype)
    ends, unused = np.empty(len(ids), dtype=np.int64), np.empty(0, dtype=dtype)
    narrow, wide = (out, unused) if dtype.itemsize == 2 else (unused, out)
    kernel("pack_ids")(ids.data, ids.ends, -1 if end_of_text is None else end_of_text, narrow, wide, ends)
    return out, ends


def _pack_ids_plainly(
    ids: Ids, end_of_text: int | None, dtype: np.dtype[np.unsignedinteger]
) -> tuple[npt.NDArray[Any], IntArray]:
    if end_of_text is None:
        return ids.data.astype(dtype), ids.ends
    data = np.insert(ids.data, ids.ends, end_of_text)
    return data.astype(dtype), ids.ends + np.arange(1, len(ids) + 1, dtype=np.int64)


def count_ids(
    ids: Ids, first_document: int, token_counts: IntArray, document_frequencies: IntArray, last_document: IntArray
) -> None:
    """Add the ids of some documents to counts.

    Args:
        ids: The documents.
        first_document: Number of the first of them.
        token_counts: Occurrences of each id, added to.
        document_frequencies: Documents that hold each id, added to.
        last_document: Number of the last document that held each id, -1 for none; updated.
    """
    if kernel_pays_off("count_ids", ids.data.nbytes):
        kernel("count_ids")(ids.data, ids.ends, first_document, token_counts, document_frequencies, last_document)
        return
    size = len(token_counts)
    token_counts += np.bincount(ids.data, minlength=size)
    documents = np.repeat(np.arange(len(ids), dtype=np.int64), ids.lengths)
    document_frequencies += np.bincount(np.unique(documents * size + ids.data) % size, minlength=size)
    last_document[ids.data] = first_document + documents
