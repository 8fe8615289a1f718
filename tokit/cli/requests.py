"""Requests out of parsed command lines, and command lines out of requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokit.embedding import EMBEDDINGS
from tokit.storage.recorded_request import RecordedRequest

# Commands that make artifacts of text, and the parameter that names it.
CORPUS_OF = {
    "train": "corpus",
    "count": "corpus",
    "encode": "corpus",
    "fit": "corpus",
    "distill": "corpus",
    "finetune": "data",
}
# Parameters without an effect on the bytes, and those of the place that is written.
WITHOUT_EFFECT = {
    "out", "overwrite", "as_json", "quiet", "config", "resume", "checkpoint_every", "license", "help",
}  # fmt: skip
# Commands whose result depends neither on the number of threads nor on the engine; static embeddings have one name for
# a training on one thread.
ANY_THREADS = ("train", "count", "encode", "distill")
ANY_THREADS_FAMILIES = ("svd",)


def request_of(
    command: Sequence[str], params: Sequence[Any], values: Mapping[str, Any], named: set[str]
) -> RecordedRequest | None:
    """The request of a command line; None for a command that makes no artifact of text.

    Args:
        command: Words of the command.
        params: The parameters of the command.
        values: Value of each.
        named: Names of those that were given, by the line or a file of settings.
    """
    if not command or command[0] not in CORPUS_OF:
        return None
    corpus = CORPUS_OF[command[0]]
    options = {}
    for param in params:
        value = values.get(param.name)
        if param.name not in named - WITHOUT_EFFECT or param.name == corpus or value == param.default:
            continue
        options[option_of(param)] = _plain(value)
    return RecordedRequest(tuple(command), tuple(values.get(corpus) or ()), _with_one_spelling(command, options))


def option_of(param: Any) -> str:
    """The long name of an option, without its dashes."""
    return str(max(param.opts, key=len)).lstrip("-")


def _plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    if isinstance(value, bool):
        return value
    return [str(entry) for entry in value] if isinstance(value, list | tuple) else str(value)


def _with_one_spelling(command: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
    """The options in which nothing stands that changes no byte, nor one thing in two ways."""
    names = set(options)
    if command[0] in ANY_THREADS:
        names -= {"threads", "engine"}
    elif command[-1] in EMBEDDINGS:
        on_one = options.get("deterministic") or options.get("threads") == "1"
        names -= {"deterministic"} | ({"threads"} if on_one or command[-1] in ANY_THREADS_FAMILIES else set())
        if on_one and command[-1] not in ANY_THREADS_FAMILIES:
            return {**{name: options[name] for name in options if name in names}, "deterministic": True}
    return {name: value for name, value in options.items() if name in names}


def command_line(request: RecordedRequest, out: str) -> list[str]:
    """The arguments that ask for a request again, with another place for the result."""
    options = [f"--out={out}"]
    for name, value in request.options.items():
        if isinstance(value, bool):
            options.append(f"--{name}" if value else f"--no-{name}")
        else:
            options += [f"--{name}={entry}" for entry in (value if isinstance(value, list) else [value])]
    if request.command[0] == "distill":
        return [*request.command, *(f"--corpus={name}" for name in request.corpus), *options]
    if any(name.startswith("-") for name in request.corpus):
        # Behind the dashes they are no options.
        return [*request.command, *options, "--", *request.corpus]
    return [*request.command, *request.corpus, *options]
