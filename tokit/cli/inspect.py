"""`tokit inspect`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tokit.cli.options import JsonOpt
from tokit.cli.output import table, write_json
from tokit.errors import CheckError, UsageError

ArtifactArg = Annotated[
    str,
    typer.Argument(
        help="Folder of tokit, tokenizer of another tool, or @ for the bundled texts.",
        metavar="ARTIFACT",
        show_default=False,
    ),
]
CheckOpt = Annotated[bool, typer.Option("--check", help="Do what tokit verify does; exit 3 if it is not healthy.")]


def inspect(artifact: ArtifactArg, check: CheckOpt = False, as_json: JsonOpt = False) -> None:
    """Describe an artifact and how it was made.

    $ tokit inspect tok
    $ tokit inspect shards --check
    $ tokit inspect @
    """
    if artifact == "@":
        _list_corpora()
        return
    if artifact.startswith("@") and not Path(artifact).exists():
        raise UsageError(f"{artifact} names a text, not an artifact", hint="tokit inspect @ lists the texts")
    from tokit.ops.inspect import inspect_artifact

    found = inspect_artifact(artifact, check=check)
    if as_json:
        write_json(found)
    else:
        print_facts({"path": found.path, "kind": found.kind, **found.facts})
    if found.faults:
        raise CheckError("; ".join(found.faults), hint="make it again")
    if check and not as_json:
        sys.stdout.write("check: healthy\n")


def print_facts(facts: dict[str, Any], indent: str = "") -> None:
    """Nested facts as `name: value` lines."""
    for name, value in facts.items():
        if isinstance(value, dict):
            sys.stdout.write(f"{indent}{name}:\n")
            print_facts(value, indent + "  ")
        elif value not in ("", None, []):
            shown = ", ".join(map(_shown, value)) if isinstance(value, list) else _shown(value)
            sys.stdout.write(f"{indent}{name}: {shown}\n")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    # A separator is a line end, which would break the line.
    return f"{value:,}" if isinstance(value, int) else str(value).replace("\n", "\\n")


def _list_corpora() -> None:
    from tokit.corpus.bundled import list_bundled

    corpora = [corpus for corpus in list_bundled() if corpus.kind != "evaluation"]
    rows = [(f"@{corpus.name}", corpus.summary, corpus.license) for corpus in corpora]
    table(("name", "description", "license"), rows, left=3)
