"""Encoded documents as lines of output: tokens, or JSON records (ids: `kernels.dispatch.format_ids`)."""

from __future__ import annotations

from collections.abc import Sequence

from tokit.arrays import Block, Ids
from tokit.corpus.json_record import dump_record

# Escapes for characters that would split a line of tokens in the wrong place.
ESCAPES = str.maketrans({"\\": "\\\\", " ": "\\x20", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"})


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
