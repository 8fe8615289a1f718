"""Encoded documents as lines of output: tokens, or JSON records (ids: `kernels.dispatch.format_ids`)."""

from __future__ import annotations

from collections.abc import Sequence

from tokit.arrays import Block, Ids, IntArray, spans
from tokit.corpus.json_record import dump_record
from tokit.ids.assistant_mask import labels_of

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


def record_lines(block: Block, ids: Ids, offsets: IntArray | None = None) -> bytes:
    """A JSON object for each document: its record, or its text, with `input_ids`, and `labels` of a conversation.

    Args:
        block: The documents.
        ids: Their ids.
        offsets: Start and end of each token, shape (tokens, 2), written as `offsets`; None for none.
    """
    records = block.records or [{"text": text} for text in block.texts()]
    encoded = [{"input_ids": row} for row in ids.lists()]
    if ids.assistant is not None:
        labels = labels_of(ids).tolist()
        encoded = [
            {**entry, "labels": labels[start:end]} for entry, (start, end) in zip(encoded, spans(ids.ends), strict=True)
        ]
    if offsets is not None:
        places = offsets.tolist()
        encoded = [
            {**entry, "offsets": places[start:end]}
            for entry, (start, end) in zip(encoded, spans(ids.ends), strict=True)
        ]
    lines = [dump_record({**record, **entry}) for record, entry in zip(records, encoded, strict=True)]
    return b"".join([line + b"\n" for line in lines])
