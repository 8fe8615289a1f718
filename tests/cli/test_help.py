"""Help and completion: every command and family, at the width of a terminal, and what the shell completes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.commands import GROUPS, RUNNABLE
from tests.support.program import LIMIT, ROOT, TOKIT, Ran
from tokit.cli.commands import COMMANDS, command_of
from tokit.cli.commands import GROUPS as SECTIONS
from tokit.embedding import EMBEDDINGS
from tokit.lm import LANGUAGE_MODELS
from tokit.tokenizer import FAMILIES

Cli = Callable[..., Ran]
WIDTH = 80


def made(command: str) -> Any:
    """The command object of a command line."""
    name, *family = command.split()
    return command_of(name).get_command(None, family[0]) if family else command_of(name)


def sections(text: str) -> list[str]:
    """Titles of the sections of a help text."""
    return [line.removesuffix(":") for line in text.splitlines() if line and line[0].isalpha() and line.endswith(":")]


@pytest.mark.parametrize("command", ["", *GROUPS, *RUNNABLE])
def test_help_is_readable_at_80_columns(cli: Cli, command: str) -> None:
    ran = cli(*command.split(), "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.text.startswith(f"Usage: tokit {command}".rstrip())
    assert [line for line in ran.text.splitlines() if len(line) > WIDTH] == []
    # No sign of Typer's types and of Python's.
    assert not any(mark in ran.text for mark in ("<str", "<list", "None", "{", "x>="))


@pytest.mark.parametrize("command", RUNNABLE)
def test_every_option_has_help(command: str) -> None:
    for param in made(command).params:
        assert param.help, param.name
        assert param.help.endswith((".", ",", "this")), param.help
        # A value has a name: `--seed N`.
        assert param.is_flag if param.param_type_name == "option" and param.metavar is None else True


@pytest.mark.parametrize("command", [*GROUPS, *RUNNABLE])
def test_help_has_examples(cli: Cli, command: str) -> None:
    examples = [line.strip() for line in cli(*command.split(), "-h").text.splitlines() if line.startswith("    $ ")]
    assert any(f"tokit {command}" in example for example in examples)


@pytest.mark.parametrize("command", RUNNABLE)
def test_options_of_a_corpus_come_last(cli: Cli, command: str) -> None:
    titles = sections(cli(*command.split(), "--help").text)
    assert len(titles) == len(set(titles))
    assert "Corpus options" not in titles[:-1]
    if command.split(maxsplit=1)[0] in GROUPS:
        name = command.split()[1]
        family = [f"Parameters of {name}"] if f"Parameters of {name}" in titles else []
        assert titles == ["Arguments", "Options", *family, *(["More options"] if family else []), "Corpus options"]


def test_commands_are_listed_in_groups(cli: Cli) -> None:
    text = cli("--help").text
    assert sections(text) == ["Options", *SECTIONS]
    assert list(SECTIONS) == ["Tokenizers", "Text and ids", "Embeddings", "Models", "Artifacts"]
    assert cli().text == text


@pytest.mark.parametrize(("group", "families"), [("train", list(FAMILIES)), ("fit", [*EMBEDDINGS, *LANGUAGE_MODELS])])
def test_families_are_listed_with_a_line_each(cli: Cli, group: str, families: list[str]) -> None:
    rows = [line.split(maxsplit=1) for line in cli(group, "--help").text.splitlines() if line.startswith("  ")]
    described = {row[0]: row[1] for row in rows if len(row) == 2}
    assert all(len(described[family]) > 10 for family in families)


# --- completion


def completed(words: str) -> list[str]:
    """The completions of the last word of a command line, asked for as bash asks for them."""
    environment = {"_TOKIT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        TOKIT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        timeout=LIMIT,
        check=True,
    )
    return done.stdout.decode().split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("tokit ", list(COMMANDS)),
        ("tokit dis", ["distill"]),
        ("tokit train w", ["word", "wordpiece"]),
        ("tokit fit ", [*EMBEDDINGS, *LANGUAGE_MODELS]),
        ("tokit train bpe @l", ["@lee"]),
        ("tokit compare tok -c @w", ["@wiki"]),
        ("tokit encode --format j", ["jsonl"]),
        ("tokit export emb --to fast", ["fasttext"]),
        ("tokit fit bert --objective ", ["masked", "mixed"]),
        ("tokit fit skipgram --min-l", ["--min-learning-rate"]),
        # The shell completes files itself.
        ("tokit wc news", []),
    ],
)
def test_names_are_completed(words: str, expected: list[str]) -> None:
    assert completed(words) == expected


def test_the_completion_script_is_for_this_program(cli: Cli) -> None:
    assert "--install-completion" in cli("--help").text
    done = subprocess.run(
        [*TOKIT, "--show-completion", "bash"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True, timeout=LIMIT, check=True,
    )  # fmt: skip
    assert b"_TOKIT_COMPLETE=complete_bash" in done.stdout
