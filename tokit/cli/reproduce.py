"""`tokit reproduce`."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from tokit.cli.corpus_options import CorpusOpt
from tokit.cli.formatting import counted
from tokit.cli.options import JsonOpt, OutOpt, OverwriteOpt, QuietOpt
from tokit.cli.output import note, write_json
from tokit.cli.requests import command_line
from tokit.errors import CheckError
from tokit.storage.recorded_request import RecordedRequest

MadeArg = Annotated[
    str,
    typer.Argument(help="Folder that tokit made of text, on the command line.", metavar="ARTIFACT", show_default=False),
]


def reproduce(
    artifact: MadeArg,
    out: OutOpt,
    corpus: CorpusOpt = None,
    overwrite: OverwriteOpt = False,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Make an artifact again from its manifest; exit 3 if it is not the same, byte for byte.

    $ tokit reproduce tok -o again
    $ tokit reproduce emb -c text/ -o again

    Runs the command in tokit.json (paths are as they were typed then), and compares all files but the model card. With
    -c the same text may lie elsewhere.
    """
    from tokit.cli.main import execute
    from tokit.ops.reproduce import reproduce as make_again

    def run(request: RecordedRequest) -> None:
        line = command_line(request, str(out))
        if not quiet:
            note(f"running {shlex.join(['tokit', *line])}")
        flags = [*(["--quiet"] if quiet or as_json else []), *(["--overwrite"] if overwrite else [])]
        words = len(request.command)
        execute([*line[:words], *flags, *line[words:]])

    found = make_again(artifact, out, run, corpus=corpus or (), overwrite=overwrite)
    if as_json:
        write_json(found)
    if found.differing:
        because = "; ".join(found.causes) or "another processor, perhaps; else please report this"
        raise CheckError(f"{out} differs from {artifact} in {', '.join(found.differing)}", hint=because)
    if not as_json and not quiet:
        sys.stdout.write(f"{out}: the same {found.kind} as {artifact}, {counted(found.files, 'file')}\n")
