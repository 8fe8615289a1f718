"""Parameters of a family: one frozen dataclass, whose fields are the family's options and the keys of its TOML file.

The field `learning_rate` is `--learning-rate` on the command line and `learning_rate` or `learning-rate` in a file.
Each field carries its help text, limits and choices; a value that a user types is converted to the type of its field.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from tokit.errors import UsageError
from tokit.registry import did_you_mean

P = TypeVar("P")

# bool("false") is True, so the words are spelled out.
TRUE_WORDS = frozenset({"true", "yes", "on", "1"})
FALSE_WORDS = frozenset({"false", "no", "off", "0"})
LARGEST_TOML, MOST_DOTS = 1 << 20, 1000
LARGEST_INTEGER = (1 << 63) - 1
TYPE_NAMES = {int: "a whole number", float: "a number", bool: "yes or no", str: "text", types.NoneType: "none"}


def param(
    default: Any,
    help_text: str,
    *,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    unset: str = "",
) -> Any:
    """A field of a parameter dataclass.

    Args:
        default: Its default.
        help_text: One phrase for the family's help.
        choices: The values allowed; empty allows every value.
        minimum: The smallest value allowed.
        maximum: The largest value allowed.
        unset: Meaning of None where that is the default, for the help: "all", "from --size".
    """
    limits = {"choices": choices, "minimum": minimum, "maximum": maximum}
    return dataclasses.field(default=default, metadata={"help": help_text, "unset": unset, **limits})


def option_name(field: str) -> str:
    """The option of a field: `learning_rate` → `--learning-rate`."""
    return f"--{field.replace('_', '-')}"


def read_toml(path: str | Path) -> dict[str, Any]:
    """Values from a TOML file of `name = value` lines.

    Raises:
        UsageError: the file is not TOML or cannot be read.
    """
    # Most command lines name no file: its parser is not imported for them.
    import tomllib

    try:
        # Windows editors may put a byte-order mark in front.
        with Path(path).open(encoding="utf-8-sig") as file:
            text = file.read(LARGEST_TOML + 1)
        # The parser's memory grows with the square of the parts of a key.
        if len(text) > LARGEST_TOML or max(part.count(".") for part in re.split("[=,\n]", text)) > MOST_DOTS:
            raise UsageError(f"{path}: too large for settings", hint="write lines such as epochs = 10")
        return tomllib.loads(text)
    # Its parser calls itself for each bracket, and Python reads no integer of more than 4,300 digits.
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not TOML: {error}", hint="write lines such as epochs = 10") from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="give the path of a TOML file") from error


def fill(params: type[P], values: Mapping[str, Any]) -> P:
    """Make a parameter dataclass from names and values.

    Strings are converted to the type of their field; other values must have that type already.

    Raises:
        UsageError: an unknown name (the hint holds the nearest), or a value out of range or of another type.
    """
    hints = typing.get_type_hints(params)
    fields = {field.name: field for field in dataclasses.fields(params)}  # type: ignore[arg-type]
    filled = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in fields:
            known = [option_name(field) for field in fields]
            raise UsageError(f"unknown option '{option_name(name)}'", hint=did_you_mean(option_name(name), known))
        filled[name] = _checked(option_name(name), _converted(option_name(name), value, hints[name]), fields[name])
    return params(**filled)


def kinds_of(hint: Any) -> tuple[type, ...]:
    """The types that a field's type hint allows: `int | None` → (int, NoneType)."""
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def _converted(option: str, value: Any, hint: Any) -> Any:
    kinds = kinds_of(hint)
    if not isinstance(value, str):
        allowed = (*kinds, int) if float in kinds else kinds
        if isinstance(value, allowed) and isinstance(value, bool) == (bool in kinds):
            return value
        raise _wrong_type(option, value, kinds)
    if types.NoneType in kinds and value.lower() == "none":
        return None
    for kind in kinds:
        try:
            return _read(kind, value)
        except ValueError:
            continue
    raise _wrong_type(option, value, kinds)


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


def _wrong_type(option: str, value: Any, kinds: tuple[type, ...]) -> UsageError:
    expected = " or ".join(TYPE_NAMES.get(kind, kind.__name__) for kind in kinds)
    return UsageError(f"{option} {value}: not {expected}", hint=f"give {option} {expected}")


def _checked(option: str, value: Any, field: dataclasses.Field[Any]) -> Any:
    choices, minimum, maximum = (field.metadata.get(name) for name in ("choices", "minimum", "maximum"))
    if choices and value not in choices:
        raise UsageError(f"{option} {value}: unknown value", hint=did_you_mean(str(value), list(choices)))
    if value is None:
        return value
    # Larger ones fit no array, and Python does not print those of thousands of digits.
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise UsageError(f"{option}: a number of {value.bit_length():,} bits", hint=f"give {LARGEST_INTEGER} or less")
    # "not >=" rather than "<", so that a NaN is refused too.
    if minimum is not None and not value >= minimum:
        raise UsageError(f"{option} {value}: less than {minimum}", hint=f"give {minimum} or more")
    if maximum is not None and not value <= maximum:
        raise UsageError(f"{option} {value}: more than {maximum}", hint=f"give {maximum} or less")
    return value
