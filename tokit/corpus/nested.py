"""Fields inside fields: `meta.text`, and `messages.*.content` for all members of a list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tokit.arrays import Record

EACH = "*"
# Between the texts of a list.
JOINT = "\n"
ABSENT = object()


def value_at(record: Record, field: str) -> Any:
    """The value of a field, or `ABSENT`.

    A field of that very name wins, at every level. Else each part behind a dot is a field of the one before it, and
    `*` stands for all members of a list, whose texts are joined by newlines.
    """
    if field in record:
        return record[field]
    if "." not in field:
        return ABSENT
    return _below(record, field.split("."))


def _below(value: Any, parts: list[str]) -> Any:
    if not parts:
        return value
    if parts[0] == EACH:
        return _joined([_below(member, parts[1:]) for member in value]) if isinstance(value, list) else ABSENT
    if not isinstance(value, dict):
        return ABSENT
    # Names hold dots too; as at the top, the longer name wins.
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        if name in value and (found := _below(value[name], parts[end:])) is not ABSENT:
            return found
    return ABSENT


def _joined(values: list[Any]) -> Any:
    wrong = [value for value in values if not isinstance(value, str)]
    return wrong[0] if wrong else JOINT.join(values)


def text_paths(record: Record, prefix: str = "") -> Iterator[str]:
    """Names under which a record has text, for messages."""
    for name, value in record.items():
        path = f"{prefix}{name}"
        members = value if isinstance(value, list) else []
        if isinstance(value, str):
            yield path
        elif isinstance(value, dict):
            yield from text_paths(value, f"{path}.")
        elif members and isinstance(members[0], dict):
            yield from text_paths(members[0], f"{path}.{EACH}.")
        elif members and isinstance(members[0], str):
            yield f"{path}.{EACH}"
