"""Forms of settings in files of other tools: a value of another type or outside of its range is refused.

What is of an unknown form is not converted: "false" would be true, 1.5 the id 1, and a text a list of letters.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from tokit.errors import ArtifactError

NONE = type(None)
WORDS: dict[Any, str] = {
    str: "a text", int: "a whole number", float: "a number", bool: "true or false", NONE: "null", dict: "an object",
    list: "a list",
}  # fmt: skip
SHOWN_CHARACTERS = 40
REQUIRED = object()


def has_form(value: object, form: Any) -> bool:
    """True if a value is of a type, such as `int`, `bool | None`, `list[str]` or `dict[str, int]`; True is no int."""
    origin, inner = get_origin(form), get_args(form)
    if isinstance(form, types.UnionType):
        return any(has_form(value, option) for option in inner)
    if origin is dict:
        return isinstance(value, dict) and has_form(list(value.values()), list[inner[1]])  # type: ignore[valid-type]
    if origin is list and isinstance(inner[0], type) and not get_args(inner[0]):
        # A vocabulary has hundreds of thousands.
        return isinstance(value, list) and all(type(item) is inner[0] for item in value)
    if origin is list:
        return isinstance(value, list) and all(has_form(item, inner[0]) for item in value)
    return type(value) is form


def setting_of(
    settings: Mapping[str, Any],
    name: str,
    form: Any,
    where: str | Path,
    *,
    default: Any = REQUIRED,
    least: int | None = None,
    most: int | None = None,
) -> Any:
    """A setting of the form that it must have.

    Args:
        settings: Name → value.
        name: Of the setting.
        form: Its type, as `has_form` takes it.
        where: The file, for messages.
        default: The value where the setting is missing.
        least: The smallest number.
        most: The largest number.

    Raises:
        ArtifactError: it is missing and has no default, is of another form, or out of range.
    """
    value = settings.get(name, default)
    if value is REQUIRED:
        raise ArtifactError(f"{where}: it has no '{name}'", hint="fetch it again")
    if name in settings and not has_form(value, form):
        raise ArtifactError(
            f"{where}: '{name}' is {_shown(value)}, not {described(form)}", hint="mend it, or fetch it again"
        )
    numbers = value if isinstance(value, list) else [*value.values()] if isinstance(value, dict) else [value]
    for number in (number for number in numbers if type(number) is int):
        if (least is not None and number < least) or (most is not None and number > most):
            bounds = f"at least {least}" if most is None else f"between {least or 0} and {most}"
            raise ArtifactError(
                f"{where}: '{name}' is {_shown(number)}, not {bounds}", hint="mend it, or fetch it again"
            )
    return value


def described(form: Any) -> str:
    """A form in words: "true or false, or null"."""
    if isinstance(form, types.UnionType):
        return ", or ".join(map(described, get_args(form)))
    origin, inner = get_origin(form), get_args(form)
    if origin is not None:
        return f"{WORDS[origin]} whose values are each {described(inner[-1])}"
    return WORDS[form]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
