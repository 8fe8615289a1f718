"""Write records of any format as lines of JSON: tables hold values that JSON has no type for."""

from __future__ import annotations

import json
import math
from datetime import date, time
from decimal import Decimal
from typing import Any

from tokit.arrays import Record
from tokit.errors import CorpusError


def dump_record(record: Record) -> bytes:
    """Write a record as one JSON object, without a line end.

    Dates and times become ISO 8601, decimals strings, NaN and the infinities null.

    Raises:
        CorpusError: a field that JSON cannot hold, such as bytes, or one that is nested too deeply.
    """
    try:
        text = _text(record)
    except RecursionError as error:
        raise CorpusError("a record is nested too deeply to be written", hint="leave that column out") from error
    # Half of a surrogate pair has no UTF-8; Python's escape of it is valid JSON.
    return text.encode("utf-8", "backslashreplace")


def _text(record: Record) -> str:
    try:
        return _dump(record)
    except (TypeError, ValueError):
        # Most records are plain, and need no walk in Python.
        return _dump({name: _plain(name, value) for name, value in record.items()})


def _dump(record: Record) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False)


def _plain(field: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(field, inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(field, inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise CorpusError(
        f"field '{field}' holds {type(value).__name__}, which JSON cannot write", hint="leave that column out"
    )
