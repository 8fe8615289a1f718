"""`tokit verify`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tokit.cli.options import JsonOpt, QuietOpt
from tokit.cli.output import note, write_json
from tokit.errors import CheckError

ArtifactArg = Annotated[
    str, typer.Argument(help="Folder of tokit, or tokenizer of another tool.", metavar="ARTIFACT", show_default=False)
]


def verify(artifact: ArtifactArg, as_json: JsonOpt = False, quiet: QuietOpt = False) -> None:
    """Check that an artifact is complete and works; exit 3 if not.

    $ tokit verify tok
    $ tokit verify shards && python train.py

    Compares the sha256 of every file with the manifest, and checks the types and shapes of all arrays, that ids lie
    below the vocabulary size and ends rise, that weights are finite, and that the tokenizer gives text back.
    """
    from tokit.ops.verify import verify_artifact

    found = verify_artifact(artifact)
    if as_json:
        write_json(found)
    if found.unlisted:
        note(f"not in the manifest, and not checked: {', '.join(found.unlisted)}")
    if found.faults:
        raise CheckError(f"{artifact}: {found.faults[0]}", hint="make it again, or fetch it again")
    if not as_json and not quiet:
        of = f", {found.files} files as they were written" if found.files else ""
        sys.stdout.write(f"{artifact}: {found.kind}, healthy{of}\n")
