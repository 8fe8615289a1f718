"""License and command line in the model card of a folder."""

from __future__ import annotations

import functools
import inspect
import itertools
import re
import shlex
from collections.abc import Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import typer

from tokit.cli.options import CommandFunction
from tokit.embedding import EMBEDDINGS
from tokit.errors import UsageError
from tokit.registry import did_you_mean

# Arguments of the running command line.
ARGUMENTS: ContextVar[tuple[str, ...]] = ContextVar("arguments", default=())
# Identifiers of the Hub, https://huggingface.co/docs/hub/repositories-licenses.
LICENSES = (
    "afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bigcode-openrail-m", "bigscience-bloom-rail-1.0",
    "bigscience-openrail-m", "bsd", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "bsl-1.0", "c-uda", "cc",
    "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0",
    "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0",
    "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0",
    "creativeml-openrail-m", "deepfloyd-if-license", "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1",
    "eupl-1.2", "gemma", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "intel-research", "isc", "lgpl", "lgpl-2.1", "lgpl-3.0",
    "lgpl-lr", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "lppl-1.3c", "mit", "mpl-2.0", "ms-pl", "ncsa",
    "odbl", "odc-by", "ofl-1.1", "open-mdw", "openrail", "openrail++", "osl-3.0", "other", "pddl", "postgresql",
    "unknown", "unlicense", "wtfpl", "zlib",
)  # fmt: skip
LicenseOpt = Annotated[
    str | None,
    typer.Option(
        "--license",
        metavar="ID",
        help="License in the folder's model card, as the Hugging Face Hub names it: mit, cc-by-4.0, other.",
        show_default=False,
    ),
]
# Options that do not change the result, those with a value first; and that of the folder, whose name is the user's.
WITHOUT_EFFECT = ("--engine", "--checkpoint-every")
FLAGS_WITHOUT_EFFECT = ("-q", "--quiet", "--json", "--overwrite", "--resume")
OUT = ("-o", "--out")
# Commands whose result does not depend on the number of threads, and families of fit; others that are static are
# trained on one thread with either option.
ANY_THREADS = ("train", "import", "export", "distill")
ANY_THREADS_FAMILIES = ("svd",)
DETERMINISTIC = "--deterministic"
PARALLEL = re.compile(r"@parallel/([a-z]{2,3})$")


def writes_card(command: CommandFunction) -> CommandFunction:
    """Give a command that writes a folder `--license`, and its model card the command line."""
    signature = inspect.signature(command, eval_str=True)
    option = inspect.Parameter("license", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=LicenseOpt)

    @functools.wraps(command)
    def wrapper(*, license: str | None = None, **values: Any) -> None:
        from tokit.storage.model_card import CardSettings, card_settings

        _check_license(license)
        arguments = ARGUMENTS.get()
        with card_settings(CardSettings(shown_command(arguments), license, languages(arguments))):
            command(**values)

    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in signature.parameters.values()]
    wrapper.__signature__ = inspect.Signature([*parameters, option])  # type: ignore[attr-defined]
    wrapper.__annotations__ = {each.name: each.annotation for each in [*parameters, option]}
    return wrapper


def _check_license(name: str | None) -> None:
    if name is not None and name not in LICENSES:
        hint = did_you_mean(name.lower(), list(LICENSES))
        if hint.startswith("known"):
            hint = "an identifier of the Hub, such as mit, apache-2.0, cc-by-4.0, or other"
        raise UsageError(f"unknown --license '{name}'", hint=hint)


def shown_command(arguments: Sequence[str]) -> str:
    """The command line that makes the folder again, wherever it is made: without paths of this machine.

    The folder to write is NEW; options without an effect on the result are left out.
    """
    if not arguments:
        return ""
    words, rest = ["tokit"], _with_one_spelling(arguments)
    dropped = (*WITHOUT_EFFECT, *(("--threads",) if _takes_any_threads(rest) else ()))
    while rest:
        word = rest.pop(0)
        name, is_assigned, _ = word.partition("=")
        if name in dropped or name in OUT:
            if not is_assigned and rest:
                rest.pop(0)
            words += ["-o", "NEW"] if name in OUT else []
        elif word.startswith("-o") and not word.startswith("--"):
            words += ["-o", "NEW"]
        elif word not in FLAGS_WITHOUT_EFFECT:
            words.append(Path(word).name if Path(word).is_absolute() else word)
    return shlex.join(words)


def _with_one_spelling(arguments: Sequence[str]) -> list[str]:
    """Arguments in which a fit on one thread is asked for in one way, or not at all where that has no effect."""
    words = list(arguments)
    if words[0] != "fit" or not any(word in EMBEDDINGS for word in words[1:2]):
        return words
    on_one = DETERMINISTIC in words or "--threads=1" in words or ("--threads", "1") in itertools.pairwise(words)
    others = [word for word in words if word != DETERMINISTIC]
    return [*others, DETERMINISTIC] if on_one and words[1] not in ANY_THREADS_FAMILIES else others


def _takes_any_threads(arguments: Sequence[str]) -> bool:
    if arguments[0] != "fit":
        return arguments[0] in ANY_THREADS
    return DETERMINISTIC in arguments or any(word in ANY_THREADS_FAMILIES for word in arguments[1:2])


def languages(arguments: Sequence[str]) -> tuple[str, ...]:
    """Languages of the text, where it is known to be all bundled text of one language each."""
    first = next((i for i, word in enumerate(arguments) if word.startswith("@")), len(arguments))
    names = list(itertools.takewhile(lambda word: not word.startswith("-"), arguments[first:]))
    found = [match.group(1) for word in names if (match := PARALLEL.match(word))]
    others = {"-c", "--corpus", "--files-from", "--from", "-m", "--model"} & set(arguments)
    # A family and the names come first: behind options there may be other text.
    sure = len(found) == len(names) and first <= 2 and not others
    return tuple(dict.fromkeys(found)) if sure else ()
