"""Values out of JSON as dataclasses, checked against their annotations."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any


class MismatchError(Exception):
    """A value is missing or of another type; the message is its path, such as `parts.train.tokens`."""


def typed(kind: Any, value: Any, path: str = "") -> Any:
    """A value of JSON as the type that an annotation names.

    Args:
        kind: A dataclass, a TypedDict, `str`, `int`, `float`, `bool`, `Any`, `dict[str, X]`, `list[X]`,
            `tuple[X, ...]`, or one of them `| None`.
        value: Out of a JSON file.
        path: Its place in the file.

    Raises:
        MismatchError: the value, or one inside it, is missing or of another type.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return None if value is None else typed(arguments[0], value, path)
    if origin is not None:
        return _container(origin, arguments, value, path)
    if dataclasses.is_dataclass(kind) or typing.is_typeddict(kind):
        return _record(kind, value, path)
    if kind is float and type(value) is int:
        return float(value)
    # Not isinstance: a bool is an int, and is not meant where a number is.
    if kind is not Any and type(value) is not kind:
        raise MismatchError(path)
    return value


def _container(origin: Any, arguments: tuple[Any, ...], value: Any, path: str) -> Any:
    if origin is dict:
        typed(dict, value, path)
        return {name: typed(arguments[1], entry, _join(path, name)) for name, entry in value.items()}
    typed(list, value, path)
    return origin(typed(arguments[0], entry, _join(path, str(i))) for i, entry in enumerate(value))


def _record(kind: Any, value: Any, path: str) -> Any:
    typed(dict, value, path)
    entries = {}
    for name, annotation in typing.get_type_hints(kind).items():
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
