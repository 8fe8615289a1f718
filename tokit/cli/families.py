"""`tokit train FAMILY` and `tokit fit FAMILY`: a subcommand for each family, with options made from its parameters."""

from __future__ import annotations

import dataclasses
import shlex
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from tokit.cli import completion
from tokit.cli.commands import CommandGroup, command_from
from tokit.cli.old_spellings import family_hint
from tokit.cli.options import CommandFunction, merge_options
from tokit.errors import UsageError
from tokit.params import fill, kinds_of, option_name
from tokit.registry import Registry, did_you_mean

METAVARS = {int: "N", float: "X", str: "TEXT"}
# Names that may well be a corpus.
CORPUS_MARKS = ("/", "*", "@", ".")


class FamilyGroup(CommandGroup):
    """A command whose subcommands are families.

    Args:
        name: Of the command.
        kind: Noun for what is made, for messages: "tokenizer".
        families: Title → registry of families.
        command: Makes the function of a family's subcommand.
    """

    def __init__(
        self,
        name: str,
        *,
        kind: str,
        families: Mapping[str, Registry[Any]],
        command: Callable[[str], CommandFunction],
        help: str,
    ) -> None:
        def summary(family: str) -> str:
            return next(registry for registry in families.values() if family in registry).summary(family)

        super().__init__(
            name=name,
            help=help,
            sections=dict(families),
            make=lambda family: command_from(family, command(family)),
            summary=summary,
            subcommand_metavar="FAMILY [CORPUS]... [OPTIONS]",
            options_metavar="",
        )
        self.kind = kind

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See the base.

        Raises:
            UsageError: no family is named, or options come before it.
        """
        if not ctx.resilient_parsing and (not args or (args[0].startswith("-") and args[0] not in ("-h", "--help"))):
            raise UsageError(f"the family of the {self.kind} is missing", hint=self._hint(args))
        return super().parse_args(ctx, args)

    def unknown(self, args: Sequence[str]) -> UsageError:
        """The error for a family that does not exist, or was forgotten before the corpus."""
        return UsageError(f"'{args[0]}' is no family of {self.kind}s", hint=self._hint(args))

    def _hint(self, args: Sequence[str]) -> str:
        moved = family_hint(str(self.name), args, self.names)
        if moved:
            return moved
        if not args or args[0].startswith("-"):
            return f"tokit {self.name} FAMILY {shlex.join(args) or '…'}, with FAMILY one of {', '.join(self.names)}"
        if any(mark in args[0] for mark in CORPUS_MARKS) or Path(args[0]).exists():
            return f"name a family before the corpus: tokit {self.name} {self.names[0]} {shlex.join(args)}"
        other = "fit" if self.name == "train" else "train"
        if args[0] in family_names(other):
            return f"tokit {shlex.join([other, *args])}"
        return did_you_mean(args[0], self.names)


def family_names(command: str) -> list[str]:
    """Families of `tokit train` or `tokit fit`."""
    if command == "train":
        from tokit.tokenizer import FAMILIES

        return list(FAMILIES)
    from tokit.embedding import EMBEDDINGS
    from tokit.lm import LANGUAGE_MODELS

    return [*EMBEDDINGS, *LANGUAGE_MODELS]


@dataclasses.dataclass(frozen=True, slots=True)
class FamilyOptions:
    """A family, and those of its parameters that were set."""

    family: str
    settings: Mapping[str, Any]


def takes_parameters(command: CommandFunction, family: str, params: type[Any], title: str) -> CommandFunction:
    """Give a command the options of a family, which it takes as `family: FamilyOptions`.

    Args:
        command: The command.
        family: Name of the family.
        params: Its parameter dataclass.
        title: Of the section in the help.
    """

    def build(**values: Any) -> FamilyOptions:
        settings = {name: value for name, value in values.items() if value is not None}
        # Checked here: a wrong value is refused before an engine is imported or a corpus opened.
        fill(params, settings)
        return FamilyOptions(family, settings)

    return merge_options(command, "family", build, parameter_options(params, title))


def parameter_options(params: type[Any], title: str) -> dict[str, tuple[Any, Any]]:
    """The options of a parameter dataclass, for `merge_options`; None stands for one that was not given."""
    hints = typing.get_type_hints(params)
    return {field.name: (_option(field, hints[field.name], title), None) for field in dataclasses.fields(params)}


def _option(field: dataclasses.Field[Any], hint: Any, title: str) -> Any:
    name, kinds, choices = option_name(field.name), kinds_of(hint), field.metadata.get("choices") or ()
    shared: dict[str, Any] = {
        "help": _sentence(field.metadata["help"]), "show_default": _default(field), "rich_help_panel": title,
    }  # fmt: skip
    if bool in kinds:
        return Annotated[bool | None, typer.Option(f"{name}/--no-{name.removeprefix('--')}", **shared)]
    # Read as text and converted by `fill`, so that the command line, a file and Python are checked alike.
    metavar = "|".join(choices) or next(METAVARS[kind] for kind in kinds if kind in METAVARS)
    return Annotated[
        str | None, typer.Option(name, metavar=metavar, autocompletion=completion.words(*choices), **shared)
    ]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _default(field: dataclasses.Field[Any]) -> str | bool:
    if field.default is None:
        return field.metadata.get("unset") or False
    return ("no", "yes")[field.default] if isinstance(field.default, bool) else str(field.default)
