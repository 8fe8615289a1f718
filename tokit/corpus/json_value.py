"""One JSON value where a source should hold plain text or a record a line.

Only what parses as JSON is taken for it: a text may begin with a bracket, too.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from tokit.errors import CorpusError

# From this size on, a value may be longer than what was read of it.
CUT = 1 << 12
# Behind this distance from the end an error of the parser is due to the end: half a literal, or half an escape.
NEAR_END = 8


class OneValue(NamedTuple):
    """A value that is a whole file, and the filter of jq that writes it as a record a line."""

    what: str
    jq: str


OBJECT = OneValue("one JSON object", ".")
OBJECTS = OneValue("one JSON array", "'.[]'")
STRINGS = OneValue("one JSON array of strings", "'.[] | {text: .}'")


def is_object_line(line: bytes) -> bool:
    """True for a whole JSON object."""
    return line.lstrip().startswith(b"{") and isinstance(_parsed(line), dict)


def is_string_line(line: bytes) -> bool:
    """True for a whole JSON string."""
    return line.lstrip().startswith(b'"') and isinstance(_parsed(line), str)


def refuse_one_value(name: str, file: str, head: bytes, *, text: bool) -> None:
    """Refuse a source that is one JSON array of objects or strings, or one object over several lines.

    Args:
        name: The source, for messages.
        file: Its name for another program.
        head: Its first bytes.
        text: Whether it would be read as plain text, which the user may want.

    Raises:
        CorpusError: it is.
    """
    value = _one_value(head.removeprefix(b"\xef\xbb\xbf").strip())
    if value is None:
        return
    hint = f"jq -c {value.jq} {file} | tokit … --format jsonl"
    as_it_is = "; --format text reads it as it is" if text else ""
    raise CorpusError(f"{name}: {value.what}, not a record a line", hint=hint + as_it_is)


def _one_value(head: bytes) -> OneValue | None:
    """The kind of the value that a source begins with and, as far as it was read, consists of."""
    if head[:1] not in (b"[", b"{"):
        return None
    first, newline, _ = head.partition(b"\n")
    if newline and _parsed(first) is not None:
        return None
    if head.startswith(b"{"):
        return OBJECT if newline and _is_json(head) else None
    element = _first_element(head)
    if not isinstance(element, dict | str) or not _is_json(head):
        return None
    return STRINGS if isinstance(element, str) else OBJECTS


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _is_json(head: bytes) -> bool:
    """True for a whole JSON value, and for the beginning of a long one."""
    text = head.decode("utf-8", "ignore")
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        cut = error.msg.startswith("Unterminated string") or error.pos >= len(text) - NEAR_END
        return cut and len(head) >= CUT
    except (ValueError, RecursionError):
        return False
    return True


def _first_element(head: bytes) -> object:
    """The first element of an array; None where there is no whole one."""
    rest = head[1:].decode("utf-8", "ignore").lstrip()
    try:
        return json.JSONDecoder().raw_decode(rest)[0]
    except json.JSONDecodeError as error:
        # A long first record may be cut off, too.
        return {} if rest.startswith("{") and error.pos > 1 else None
    except (ValueError, RecursionError):
        return None
