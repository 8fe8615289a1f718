"""A family's parameters: one frozen dataclass, filled from `--set name=value` and from a TOML file.

Each field carries its help in `metadata={"help": …}`; the values that a user types are read by the field's type.
"""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tokit.errors import UsageError
from tokit.registry import did_you_mean

P = TypeVar("P")

# bool("false") is True, so the words are spelled out.
TRUE_WORDS = frozenset({"true", "yes", "on", "1"})
FALSE_WORDS = frozenset({"false", "no", "off", "0"})


def param(
    default: Any,
    help_text: str,
    *,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
) -> Any:
    """A field of a parameter dataclass with its help, and the values that it may take."""
    return dataclasses.field(
        default=default, metadata={"help": help_text, "choices": choices, "minimum": minimum, "maximum": maximum}
    )


def parse_settings(settings: Sequence[str]) -> dict[str, str]:
    """`["a=1", "b=x"]` → `{"a": "1", "b": "x"}`.

    Raises:
        UsageError: a setting without "=".
    """
    parsed = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting}: not of the form name=value", hint=f"--set {setting}=VALUE")
        parsed[name.strip().replace("-", "_")] = value
    return parsed


def read_toml(path: str | Path) -> dict[str, Any]:
    """Settings from a TOML file of `name = value` lines.

    Raises:
        UsageError: the file is not TOML or cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not TOML: {error}", hint="write lines such as vocab_size = 8000") from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="give the path of a TOML file") from error


def fill(params: type[P], values: Mapping[str, Any]) -> P:
    """Make a parameter dataclass from names and values.

    Strings are read by the type of their field; values from TOML must have that type already.

    Raises:
        UsageError: an unknown name (the hint holds the nearest), or a value that does not fit.
    """
    hints = typing.get_type_hints(params)
    fields = {field.name: field for field in dataclasses.fields(params)}  # type: ignore[arg-type]
    given = {}
    for name, value in values.items():
        if name not in fields:
            raise UsageError(f"unknown parameter '{name}'", hint=did_you_mean(name, list(fields)))
        given[name] = _checked(name, _converted(name, value, hints[name]), fields[name].metadata)
    return params(**given)


def describe(params: type[Any]) -> list[tuple[str, str, str, str]]:
    """(name, type, default, help) of each parameter, for `--help-params`."""
    hints = typing.get_type_hints(params)
    return [
        (field.name, _type_name(hints[field.name], field.metadata), _shown(field.default), field.metadata["help"])
        for field in dataclasses.fields(params)
    ]


def _shown(value: Any) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _kinds(hint: Any) -> tuple[type, ...]:
    if isinstance(hint, types.UnionType):
        return typing.get_args(hint)
    return (hint,)


def _type_name(hint: Any, metadata: Mapping[str, Any]) -> str:
    if metadata.get("choices"):
        return "|".join(metadata["choices"])
    return "|".join(kind.__name__.replace("NoneType", "none") for kind in _kinds(hint))


def _converted(name: str, value: Any, hint: Any) -> Any:
    kinds = _kinds(hint)
    if not isinstance(value, str):
        allowed = (*kinds, int) if float in kinds else kinds
        if isinstance(value, allowed) and isinstance(value, bool) == (bool in kinds):
            return value
        raise _misfit(name, value, hint)
    if types.NoneType in kinds and value.lower() == "none":
        return None
    for kind in kinds:
        try:
            return _read(kind, value)
        except ValueError:
            continue
    raise _misfit(name, value, hint)


def _read(kind: type, value: str) -> Any:
    if kind is bool:
        if value.lower() in TRUE_WORDS:
            return True
        if value.lower() in FALSE_WORDS:
            return False
        raise ValueError(value)
    if kind is types.NoneType:
        raise ValueError(value)
    return kind(value)


def _misfit(name: str, value: Any, hint: Any) -> UsageError:
    return UsageError(f"{name}={value}: not {_type_name(hint, {})}", hint=f"pass --set {name}=VALUE of that type")


def _checked(name: str, value: Any, metadata: Mapping[str, Any]) -> Any:
    choices, minimum, maximum = metadata.get("choices"), metadata.get("minimum"), metadata.get("maximum")
    if choices and value not in choices:
        raise UsageError(f"{name}={value}: not a known value", hint=did_you_mean(str(value), list(choices)))
    if value is None:
        return value
    # "not >=" rather than "<", so that a NaN is refused too.
    if minimum is not None and not value >= minimum:
        raise UsageError(f"{name}={value}: less than {minimum}", hint=f"give {minimum} or more")
    if maximum is not None and not value <= maximum:
        raise UsageError(f"{name}={value}: more than {maximum}", hint=f"give {maximum} or less")
    return value
