"""Values out of JSON as dataclasses, checked against their annotations."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Callable
from typing import Any

from tokit.storage.stranger_files import is_plain_name


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """A condition on a value, which stands beside its type: `Annotated[str, Rule(…)]`.

    Attributes:
        holds: Tells whether a value of the type meets it.
        fault: Of a value that does not, a phrase.
    """

    holds: Callable[[Any], bool]
    fault: str


FileName: typing.TypeAlias = typing.Annotated[str, Rule(is_plain_name, "is no plain name of a file within the folder")]
Fingerprint: typing.TypeAlias = typing.Annotated[
    str, Rule(lambda text: re.fullmatch("[0-9a-f]{32}", text) is not None, "is no fingerprint of 32 hex digits")
]
# Integers of JSON have any length; those of arrays have 64 bits.
LARGEST = (1 << 63) - 1


class MismatchError(Exception):
    """A value is missing, or of another type or range.

    Args:
        path: Its place, such as `parts.train.tokens`.
        fault: What is wrong with it, a phrase.
    """

    def __init__(self, path: str, fault: str = "is missing or damaged") -> None:
        super().__init__(path)
        self.path, self.fault = path, fault


def typed(kind: Any, value: Any, path: str = "") -> Any:
    """A value of JSON as the type that an annotation names.

    Args:
        kind: A dataclass, a TypedDict, `str`, `int`, `float`, `bool`, `Any`, one with a `Rule`, `dict[str, X]`,
            `list[X]`, `tuple[X, ...]`, or one of them `| None`. An `int` is a number or an id: from 0 to 2^63 - 1.
        value: Out of a JSON file.
        path: Its place in the file.

    Raises:
        MismatchError: the value, or one inside it, is missing or of another type.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else typed(arguments[0], value, path)
    if origin is typing.Annotated:
        return _by_rule(arguments[0], arguments[1], value, path)
    if origin is not None:
        return _container(origin, arguments, value, path)
    if dataclasses.is_dataclass(kind) or typing.is_typeddict(kind):
        return _record(kind, value, path)
    return value if kind is Any else _scalar(kind, value, path)


def _by_rule(kind: Any, rule: Rule, value: Any, path: str) -> Any:
    found = typed(kind, value, path)
    if not rule.holds(found):
        raise MismatchError(path, rule.fault)
    return found


def _scalar(kind: Any, value: Any, path: str) -> Any:
    """A string, a number or a boolean, within its range."""
    if kind is float and type(value) is int and abs(value) <= LARGEST:
        return float(value)
    # Not isinstance: a bool is an int, and is not meant where a number is.
    if type(value) is not kind or (kind is int and not 0 <= value <= LARGEST):
        raise MismatchError(path)
    return value


def _container(origin: Any, arguments: tuple[Any, ...], value: Any, path: str) -> Any:
    if origin is dict:
        typed(dict, value, path)
        names, kind = arguments
        return {
            typed(names, name, _join(path, name)): typed(kind, entry, _join(path, name))
            for name, entry in value.items()
        }
    typed(list, value, path)
    return origin(typed(arguments[0], entry, _join(path, str(i))) for i, entry in enumerate(value))


def _record(kind: Any, value: Any, path: str) -> Any:
    typed(dict, value, path)
    entries = {}
    for name, annotation in typing.get_type_hints(kind, include_extras=True).items():
        if typing.get_origin(annotation) is typing.ClassVar:
            continue
        if name in value:
            entries[name] = typed(annotation, value[name], _join(path, name))
        elif name not in _with_default(kind):
            raise MismatchError(_join(path, name))
    return kind(**entries)


def _with_default(kind: Any) -> set[str]:
    if not dataclasses.is_dataclass(kind):
        return set()
    return {
        field.name
        for field in dataclasses.fields(kind)
        if field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    }


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
