"""Encoded documents as lines of output: ids, tokens, or JSON records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tokit.arrays import Block, Ids
from tokit.corpus.json_record import dump_record
from tokit.kernels.compiled.loader import kernel, pays

# Escapes for characters that would split a line of tokens in the wrong place.
ESCAPES = str.maketrans({"\\": "\\\\", " ": "\\x20", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"})
# "00" to "99", one after the other.
TWO_DIGITS = b"".join(b"%02d" % number for number in range(100))


def id_lines(ids: Ids) -> bytes:
    """A line of ids for each document."""
    if not pays("format_ids", ids.data.nbytes):
        return b"".join([" ".join(map(str, row)).encode("ascii") + b"\n" for row in ids.lists()])
    out = np.empty(11 * len(ids.data) + len(ids) + 1, dtype=np.uint8)
    used = kernel("format_ids")(ids.data, ids.ends, np.frombuffer(TWO_DIGITS, dtype=np.uint8), out)
    return out[:used].tobytes()


def token_lines(ids: Ids, names: Sequence[str]) -> bytes:
    """A line of tokens for each document.

    Args:
        ids: The documents.
        names: The token of each id; white space and backslashes in it are escaped.
    """
    escaped = [name.translate(ESCAPES) for name in names]
    return b"".join([" ".join([escaped[i] for i in row]).encode("utf-8") + b"\n" for row in ids.lists()])


def record_lines(block: Block, ids: Ids) -> bytes:
    """A JSON object for each document: its record, or its text, with `input_ids`."""
    records = block.records or [{"text": text} for text in block.texts()]
    lines = [dump_record({**record, "input_ids": row}) for record, row in zip(records, ids.lists(), strict=True)]
    return b"".join([line + b"\n" for line in lines])
