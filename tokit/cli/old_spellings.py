"""Spellings of earlier versions: each is an error whose hint shows the form of today."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Sequence

from tokit.params import option_name

# Command → its name of today, and options that were renamed with it.
RENAMED = {"distil": ("distill", {"-e": "-m", "--embedding": "--model"})}
# Options that name what a command works with, and are taken for one another.
NAMED_BY = {"-t": "the tokenizer", "-e": "the embedding", "-m": "the model"}
SHORT = (*NAMED_BY, "--tokenizer", "--embedding", "--model")
# Commands in which a model was named by -e.
OF_MODELS = ("finetune", "distill", "attention")


def renamed_hint(args: Sequence[str]) -> str:
    """The command line of a renamed command."""
    name, options = RENAMED[args[0]]
    return f"tokit {shlex.join([name, *[options.get(word, word) for word in args[1:]]])}"


def family_hint(command: str, args: Sequence[str], families: Sequence[str]) -> str:
    """The command line with the family in its place, or "" where no family is named.

    `train text -m bpe -v 300` named the family by an option; it may also stand behind other options.
    """
    words = list(args)
    for i, word in enumerate(words[:-1]):
        if word in ("-m", "--model") and command == "train" and words[i + 1] in families:
            return f"tokit {shlex.join([command, words[i + 1], *words[:i], *words[i + 2 :]])}"
    named = next((word for word in words if word in families), None)
    if named is None:
        return ""
    words.remove(named)
    return f"tokit {shlex.join([command, named, *words])}"


def option_hint(command: str, option: str, argv: Sequence[str], known: Sequence[str]) -> str:
    """The form of today of an option that a command does not have, or "".

    Args:
        command: Its path: "tokit fit bert".
        option: The option.
        argv: The command line.
        known: The options that the command has.
    """
    name = command.rsplit(maxsplit=1)[-1]
    if option == "--set":
        setting = _value_of(option, argv)
        key, _, value = setting.partition("=")
        nearest = difflib.get_close_matches(option_name(key), known, n=1)
        return f"{nearest[0]} {value or 'VALUE'}" if nearest else f"{command} --help lists the options"
    if option == "--help-params":
        return f"{command} --help"
    if option in ("-e", "--embedding") and name in OF_MODELS:
        return f"-m names the model: {command} -m {_value_of(option, argv) or 'MODEL'}"
    if option == "--family" and name == "inspect":
        return "tokit train bpe --help lists the options of a family"
    word = next((word for word in argv if word.startswith(option)), option)
    if name == "near" and not option.startswith("--") and len(word) > 2:
        return f"--minus {word[1:]} subtracts a word"
    return next((f"{flag} names {noun}" for flag, noun in NAMED_BY.items() if option in SHORT and flag in known), "")


def argument_hint(command: str, argv: Sequence[str]) -> str:
    """The form of today of arguments that a command does not have, or ""."""
    if command != "tokit eval":
        return ""
    names = [word for word in argv[1:2] if not word.startswith("-")]
    return f"-e names an embedding: tokit eval {' '.join(f'-e {name}' for name in names)}" if names else ""


def _value_of(option: str, argv: Sequence[str]) -> str:
    for i, word in enumerate(argv):
        if word == option:
            return argv[i + 1] if i + 1 < len(argv) else ""
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return ""
