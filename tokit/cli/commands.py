"""The commands, in the groups of `tokit --help`, and the layout of their help.

The module of a command is imported when the command is called or its help is asked for, and no engine with it.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from tokit.cli.corpus_options import CORPUS_SECTION
from tokit.cli.old_spellings import RENAMED, renamed_hint
from tokit.cli.requests import request_of
from tokit.errors import UsageError
from tokit.registry import did_you_mean
from tokit.storage.recorded_request import set_request

GROUPS = {
    "Tokenizers": {
        "train": "tokit.cli.train:train",
        "count": "tokit.cli.count:count",
        "compare": "tokit.cli.compare:compare",
        "chat-template": "tokit.cli.chat_template:chat_template",
    },
    "Text and ids": {
        "encode": "tokit.cli.encode:encode",
        "decode": "tokit.cli.decode:decode",
        "wc": "tokit.cli.wc:wc",
        "show": "tokit.cli.show:show",
    },
    "Embeddings": {
        "fit": "tokit.cli.fit:fit",
        "embed": "tokit.cli.embed:embed",
        "near": "tokit.cli.near:near",
        "analogy": "tokit.cli.analogy:analogy",
        "eval": "tokit.cli.eval:evaluate",
        "import": "tokit.cli.import_:import_",
        "export": "tokit.cli.export:export",
        "distill": "tokit.cli.distill:distill",
    },
    "Models": {
        "finetune": "tokit.cli.finetune:finetune",
        "predict": "tokit.cli.predict:predict",
        "attention": "tokit.cli.attention:attention",
    },
    "Artifacts": {
        "inspect": "tokit.cli.inspect:inspect",
        "verify": "tokit.cli.verify:verify",
        "reproduce": "tokit.cli.reproduce:reproduce",
        "push": "tokit.cli.push:push",
        "demo": "tokit.cli.demo:demo",
    },
}
COMMANDS = {name: target for group in GROUPS.values() for name, target in group.items()}
# Commands of other programs → the option of this one.
META = {"help": "--help", "version": "--version"}
# Command and option that takes one value → where several are taken.
SEVERAL = {
    ("tokit wc", "tokenizer"): "to compare tokenizers: tokit compare A B -c CORPUS",
    ("tokit encode", "tokenizer"): "to compare tokenizers: tokit compare A B -c CORPUS",
    ("tokit near", "embedding"): "to compare embeddings: tokit eval -e A -e B",
}
# Sources of a value that was given: the command line, and a file of settings.
SET_BY_USER = ("COMMANDLINE", "DEFAULT_MAP")
# In front of each example in a docstring.
EXAMPLE = "$ "


class Command(TyperCommand):
    """A command whose help keeps the lines of examples and shows its options in sections."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See the base; of an option that is given twice the last value would win in silence.

        Raises:
            UsageError: an option with one value is given twice.
        """
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        helps = any(param.name == "help" for param in order)
        if not ctx.resilient_parsing and not helps:
            refuse_repeated(order, ctx.command_path)
        rest = super().parse_args(ctx, args)
        named = {name for name in ctx.params if getattr(ctx.get_parameter_source(name), "name", "") in SET_BY_USER}
        set_request(request_of(ctx.command_path.split()[1:], self.params, ctx.params, named))
        return rest

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """See the base; Typer puts a required argument into braces."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """See the base."""
        write_help(self.help or "", formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """See the base."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                sections.setdefault(_section(param, list(sections)), []).append(_tidied(record))
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def refuse_repeated(params: Sequence[Any], command: str) -> None:
    """Refuse an option that takes one value, or has an opposite, and is given twice.

    Args:
        params: The parameters of a command line, one for each time that it is given.
        command: Path of the command: "tokit wc".

    Raises:
        UsageError: there is one.
    """
    single = [p for p in params if p.param_type_name == "option" and not p.multiple and not p.count]
    for option in (option for option in single if not option.is_flag or option.secondary_opts):
        if single.count(option) > 1:
            hint = SEVERAL.get((command, option.name), "give it once: it has one value")
            names = "/".join([*option.opts, *option.secondary_opts])
            raise UsageError(f"{names} is given {_times(single.count(option))}", hint=hint)


def _times(number: int) -> str:
    return "twice" if number == 2 else f"{number} times"


def _section(param: Any, before: Sequence[str]) -> str:
    """The section of a parameter: its own, or that of options before or behind those of a family."""
    if param.rich_help_panel:
        return str(param.rich_help_panel)
    if param.param_type_name == "argument":
        return "Arguments"
    return "More options" if set(before) - {"Arguments", "Options", CORPUS_SECTION} else "Options"


def _tidied(record: tuple[str, str]) -> tuple[str, str]:
    """A line of help without Typer's types of arguments, parentheses around defaults, and limits."""
    name, text = record
    text = re.sub(r"; x>=\d+\]", "]", re.sub(r"default: \((.*?)\)(?=[;\]])", r"default: \1", text))
    return re.sub(r" <.*>$", "", name), re.sub(r"  \[x>=\d+\]$", "", text)


class CommandGroup(TyperGroup):
    """Commands in sections, each of them made when it is called.

    Args:
        sections: Title → names of commands.
        make: Makes a command of a name.
        summary: First sentence of a command's help, found without making it.
    """

    def __init__(
        self,
        *,
        sections: Mapping[str, Iterable[str]],
        make: Callable[[str], Any],
        summary: Callable[[str], str],
        **settings: Any,
    ) -> None:
        super().__init__(rich_markup_mode=None, **settings)
        self.sections = {title: list(names) for title, names in sections.items()}
        self.names = [name for names in self.sections.values() for name in names]
        self._make = make
        self._summary = summary

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """See the base."""
        return self.names

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """See the base."""
        if cmd_name not in self.commands and cmd_name in self.names:
            self.commands[cmd_name] = self._make(cmd_name)
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """See the base.

        Raises:
            UsageError: there is no such command.
        """
        if args[0] not in self.names and not ctx.resilient_parsing:
            raise self.unknown(args)
        return super().resolve_command(ctx, args)

    def unknown(self, args: Sequence[str]) -> UsageError:
        """The error for a command that does not exist."""
        if args[0] in META:
            hint = " ".join(["tokit", *args[1:2], META[args[0]]] if args[0] == "help" else ["tokit", META[args[0]]])
        else:
            hint = renamed_hint(args) if args[0] in RENAMED else did_you_mean(args[0], self.names)
        return UsageError(f"no command '{args[0]}'", hint=hint)

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """See the base."""
        write_help(self.help or "", formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """See the base."""
        width = max(map(len, self.names))
        for title, names in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), self._summary(name)) for name in names])


def command_of(name: str) -> Any:
    """A command, or a group of them, by its name."""
    target = _imported(name)
    if isinstance(target, TyperGroup):
        return target
    # A command with parameters of a dataclass is completed when it is called: the list of commands needs none of them.
    return command_from(name, target.complete() if hasattr(target, "complete") else target)


def command_from(name: str, function: Callable[..., None]) -> Any:
    """A command made of a function: its result is the call of the function, which is left to `main.execute`."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name, cls=Command)(_call_of(function))
    return typer.main.get_command(app)


def _call_of(function: Callable[..., None]) -> Callable[..., Callable[[], None]]:
    @functools.wraps(function)
    def call(**values: Any) -> Callable[[], None]:
        return functools.partial(function, **values)

    return call


def summary_of(name: str) -> str:
    """The first sentence of a command's help."""
    target = _imported(name)
    text = target.help if isinstance(target, TyperGroup) else inspect.getdoc(target)
    return str(text).split("\n", 1)[0].partition(". ")[0].rstrip(".")


def _imported(name: str) -> Any:
    module, _, attribute = COMMANDS[name].partition(":")
    return getattr(import_module(module), attribute)


def write_help(text: str, formatter: Any) -> None:
    """Write a docstring: paragraphs are wrapped, examples keep their lines."""
    with formatter.indentation():
        for paragraph in inspect.cleandoc(text).split("\n\n"):
            formatter.write_paragraph()
            if paragraph.startswith(EXAMPLE):
                formatter.write("".join(f"{'':4}{line}\n" for line in paragraph.splitlines()))
            else:
                formatter.write_text(paragraph)
