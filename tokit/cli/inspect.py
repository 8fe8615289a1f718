"""`tokit inspect`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from tokit.cli import render
from tokit.cli.options import JsonOpt
from tokit.cli.train import list_parameters
from tokit.errors import CheckError, UsageError

ArtifactArg = Annotated[
    str | None,
    typer.Argument(help="A folder of tokit, a foreign tokenizer, or @ for the texts that come with tokit."),
]
CheckOpt = Annotated[bool, typer.Option("--check", help="Check that it is whole and works; exit 3 if not.")]
FamilyOpt = Annotated[
    str | None,
    typer.Option("--family", help="List the parameters of a family of tokenizers instead.", show_default=False),
]


def inspect(
    artifact: ArtifactArg = None, check: CheckOpt = False, family: FamilyOpt = None, as_json: JsonOpt = False
) -> None:
    """Say what an artifact is and how it was made.

    tokit inspect tok; tokit inspect shards --check; tokit inspect @
    """
    if family is not None:
        list_parameters(family)
        return
    if artifact is None:
        raise UsageError("Missing argument 'ARTIFACT'", hint="tokit inspect tok")
    if artifact == "@":
        _list_named()
        return
    from tokit.ops.inspect import inspect_artifact

    found = inspect_artifact(artifact, check=check)
    if as_json:
        render.as_json(found)
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
    # A separator is a line end: as it stands it would tear the page.
    return f"{value:,}" if isinstance(value, int) else str(value).replace("\n", "\\n")


def _list_named() -> None:
    from tokit.corpus.bundled import list_bundled

    corpora = [corpus for corpus in list_bundled() if corpus.kind != "evaluation"]
    rows = [(f"@{corpus.name}", corpus.summary, corpus.license) for corpus in corpora]
    render.table(("name", "description", "license"), rows, left=3)
