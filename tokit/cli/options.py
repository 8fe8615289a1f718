"""Options that commands share: the same word means the same everywhere.

`@writes_output` gives a command the options of its output, `@takes_corpus` (corpus_options.py) those of a corpus; the
command itself has one parameter for each group: `output: Output`, `corpus: CorpusOptions`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tokit.cli import completion
from tokit.cli.output import Output
from tokit.errors import UsageError
from tokit.params import option_name, read_toml
from tokit.registry import did_you_mean

CommandFunction = Callable[..., None]

TokenizerOpt = Annotated[
    str,
    typer.Option(
        "-t",
        "--tokenizer",
        metavar="TOK",
        help="Tokenizer: a folder, a file of another tool, or a name on the Hub: ORG/NAME[@REVISION].",
        show_default=False,
    ),
]
ModelOpt = Annotated[
    str,
    typer.Option(
        "-m", "--model", metavar="MODEL", help="Language model: a folder, or a name on the Hub.", show_default=False
    ),
]
EmbeddingOpt = Annotated[
    str,
    typer.Option(
        "-e",
        "--embedding",
        metavar="EMB",
        help="Static embedding or language model: a folder, or ORG/NAME on the Hub.",
        show_default=False,
    ),
]
OutOpt = Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder to write.", show_default=False)]
OverwriteOpt = Annotated[bool, typer.Option("--overwrite", help="Replace what tokit wrote there before.")]
ResumeOpt = Annotated[bool, typer.Option("--resume", help="Resume from OUT.checkpoint, if there is one.")]
JsonOpt = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
QuietOpt = Annotated[bool, typer.Option("-q", "--quiet", help="No progress and no summary.")]
ThreadsOpt = Annotated[
    int | None,
    typer.Option(
        "--threads", min=1, metavar="N", help="Number of threads; the result does not depend on it.", show_default="all"
    ),
]
EngineOpt = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="kernels, reference (the tokenizers library) or auto (the faster one). The output is identical.",
        show_default="auto",
        autocompletion=completion.words("kernels", "reference", "auto"),
    ),
]
SeedOpt = Annotated[int, typer.Option("--seed", metavar="N", help="Random seed.")]
SpecialOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--special-token",
        metavar="ROLE=TEXT",
        help="Rename a special token or add one: endoftext, pad, cls, sep, mask, or your own.",
        show_default=False,
    ),
]
NormalizerOpt = Annotated[
    str | None,
    typer.Option(
        "--normalizer",
        metavar="NAMES",
        help="nfc, nfd, nfkc, nfkd, lowercase, strip-accents, joined by commas; or none.",
        show_default=False,
        autocompletion=completion.words("nfc", "nfd", "nfkc", "nfkd", "lowercase", "strip-accents", "none"),
    ),
]
PreTokenizerOpt = Annotated[
    str | None,
    typer.Option(
        "--pre-tokenizer",
        metavar="NAME",
        help="gpt2, cl100k, o200k, llama3, qwen2, bert, whitespace, whitespace-split, metaspace, punctuation, none, "
        "or regex:PATTERN.",
        show_default=False,
        autocompletion=completion.words(
            "gpt2", "cl100k", "o200k", "llama3", "qwen2", "bert", "whitespace", "whitespace-split", "metaspace",
            "punctuation", "none",
        ),
    ),
]  # fmt: skip
DigitsOpt = Annotated[
    str | None,
    typer.Option(
        "--digits",
        metavar="MODE",
        help="keep, single (every digit alone) or triple (groups of three).",
        show_default=False,
        autocompletion=completion.words("keep", "single", "triple"),
    ),
]


def read_config(context: typer.Context, value: Path | None) -> Path | None:
    """Make the values of a TOML file the defaults of the command's options.

    Raises:
        UsageError: a key that is no option of the command, or a table as a value.
    """
    if value is None or context.resilient_parsing:
        return value
    names = {opt.removeprefix("--"): param for param in context.command.params for opt in param.opts}
    names = {name: param for name, param in names.items() if not name.startswith("-")}
    defaults = {}
    for key, setting in read_toml(value).items():
        option = option_name(key).removeprefix("--")
        if option not in names or option == "config":
            known = [name for name in names if name != "config"]
            raise UsageError(f"{value}: unknown key '{key}'", hint=did_you_mean(option, known))
        defaults[names[option].name] = _setting(setting, names[option], f"{value}: '{key}'")
    context.default_map = defaults
    return value


def _setting(setting: Any, param: Any, place: str) -> Any:
    """A value of a TOML file in the form that an option takes.

    Raises:
        UsageError: the option takes a value of another kind.
    """
    is_flag, is_list = getattr(param, "is_flag", False), getattr(param, "multiple", False) or param.nargs == -1
    if isinstance(setting, dict):
        raise UsageError(f"{place} is a table", hint="write lines such as epochs = 10")
    if is_flag != isinstance(setting, bool):
        expected = "true or false" if is_flag else "a value, not true or false"
        raise UsageError(f"{place} is {str(setting).lower()}", hint=f"the option takes {expected}")
    if isinstance(setting, list) and not is_list:
        raise UsageError(f"{place} is a list", hint="the option takes one value")
    return [setting] if is_list and not isinstance(setting, list) else setting


ConfigOpt = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE.toml",
        help="Read options from a TOML file (epochs = 10); the command line wins.",
        show_default=False,
        is_eager=True,
        callback=read_config,
    ),
]


def merge_options(
    command: CommandFunction,
    name: str,
    build: Callable[..., Any],
    options: Mapping[str, tuple[Any, Any]],
    *,
    last: Mapping[str, tuple[Any, Any]] | None = None,
) -> CommandFunction:
    """A command in which options stand in place of one parameter.

    Args:
        command: Has a parameter called `name`.
        name: The parameter.
        build: Makes the value of the parameter from the values of the options, by name.
        options: Name → (annotation, default) of those that stand where the parameter stood.
        last: The same of those that come after all others.
    """
    added = {**options, **(last or {})}
    new = {key: inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
           for key, (annotation, default) in added.items()}  # fmt: skip
    before = {key: parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
              for key, parameter in inspect.signature(command, eval_str=True).parameters.items()}  # fmt: skip
    merged: list[inspect.Parameter] = []
    for key, parameter in before.items():
        merged.extend([new[option] for option in options] if key == name else [parameter])
    merged.extend(new[option] for option in last or {})

    @functools.wraps(command)
    def wrapper(**values: Any) -> None:
        built = build(**{key: values.pop(key) for key in added})
        command(**values, **{name: built})

    wrapper.__signature__ = inspect.Signature(merged)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in merged}
    return wrapper


def writes_output(command: CommandFunction) -> CommandFunction:
    """Give a command `--config`, `--json` and `--quiet`, which it takes as `output: Output`."""
    options = {"config": (ConfigOpt, None), "as_json": (JsonOpt, False), "quiet": (QuietOpt, False)}
    return merge_options(command, "output", _output, options)


def _output(*, config: Path | None, as_json: bool, quiet: bool) -> Output:  # noqa: ARG001 - `read_config` has used it
    return Output(as_json, quiet)


def set_up(threads: int | None, engine: str | None = None) -> None:
    """Set the number of threads and the engine, before anything is imported that asks for them.

    Raises:
        UsageError: there is no such engine.
    """
    from tokit.runtime.engine import set_engine
    from tokit.runtime.threads import set_threads

    set_threads(threads)
    set_engine(engine)


def normalizer_names(value: str | None) -> tuple[str, ...] | None:
    """`"nfc,lowercase"` → its names; None when the option was not given."""
    if value is None:
        return None
    return tuple(name.strip() for name in value.split(",") if name.strip() not in ("", "none"))
