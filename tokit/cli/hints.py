"""Hints for command lines that Typer refuses."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import typer

from tokit.cli.commands import COMMANDS, EXAMPLE
from tokit.cli.old_spellings import argument_hint, option_hint


def usage_hint(error: typer.TyperException, argv: Sequence[str]) -> str:
    """A hint for an error of Typer: the spelling of today, the nearest option, an example, or where the help is."""
    context: Any = getattr(error, "ctx", None)
    command, option = _command_path(argv), getattr(error, "option_name", None)
    if option and context is not None:
        known = _options(context.command)
        hint = option_hint(command, option, argv, known) or _other_families(option, context) or _nearest(option, known)
    else:
        hint = argument_hint(command, argv) or _example(error, context)
    return hint or f"{command} --help lists the options"


def _command_path(argv: Sequence[str]) -> str:
    """`tokit fit skipgram` of a command line."""
    words = ["tokit", *argv[:1]] if argv and argv[0] in COMMANDS else ["tokit"]
    is_group = words[-1] in ("train", "fit")
    return " ".join([*words, *argv[1:2]] if is_group else words)


def _nearest(option: str, known: Sequence[str]) -> str:
    # Without the dashes, which would make all short options look alike.
    names = {name.lstrip("-"): name for name in known}
    near = difflib.get_close_matches(option.lstrip("-"), names, n=1)
    return f"did you mean {names[near[0]]}?" if near else ""


def _other_families(option: str, context: Any) -> str:
    """The families that have an option, when the command is that of another family."""
    group = context.parent.command if context.parent is not None else None
    if context.command_path.count(" ") < 2 or group is None:
        return ""
    families = [name for name in group.names if option in _options(group.get_command(context.parent, name))]
    return f"{option} is an option of {', '.join(families)}" if families else ""


def _options(command: Any) -> list[str]:
    return [name for param in command.params for name in (*param.opts, *param.secondary_opts) if name.startswith("-")]


def _example(error: typer.TyperException, context: Any) -> str:
    """The first example of a command, where something is missing."""
    if context is None or not str(getattr(error, "format_message", str)()).startswith("Missing"):
        return ""
    lines = (line.strip() for line in (context.command.help or "").splitlines())
    return next((line.removeprefix(EXAMPLE) for line in lines if line.startswith(EXAMPLE)), "")
