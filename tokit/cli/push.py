"""`tokit push`."""

from __future__ import annotations

from typing import Annotated

import typer

from tokit.cli.formatting import human_bytes
from tokit.cli.options import writes_output
from tokit.cli.output import Output, table

ArtifactArg = Annotated[str, typer.Argument(help="Folder of tokit.", metavar="ARTIFACT", show_default=False)]
RepositoryArg = Annotated[
    str, typer.Argument(help="ORG/NAME, or ORG/NAME@BRANCH.", metavar="ORG/NAME", show_default=False)
]
PrivateOpt = Annotated[bool, typer.Option("--private", help="Make a new repository private.")]
YesOpt = Annotated[bool, typer.Option("--yes", help="Upload; without it the files are listed, and nothing is sent.")]


@writes_output
def push(
    *,
    artifact: ArtifactArg,
    repository: RepositoryArg,
    private: PrivateOpt = False,
    yes: YesOpt = False,
    output: Output,
) -> None:
    """Upload an artifact to the Hugging Face Hub.

    $ tokit push tok ORG/NAME
    $ tokit push tok ORG/NAME --yes

    The token is that of `hf auth login`, or HF_TOKEN. Counts and shards become datasets, all else models.
    """
    from tokit.ops.push import push as upload

    report = upload(artifact, repository, private=private, confirmed=yes)
    rows = [(name, human_bytes(size)) for name, size in report.files.items()]
    output.result(report, lambda: table(("file", "size"), rows))
    branch = f"@{report.revision}" if report.revision else ""
    place = f"{report.repository_type} {report.repository}{branch} at {report.endpoint}"
    if report.commit_url is None:
        output.note(f"nothing was sent: --yes uploads {len(rows)} files to the {place}")
    else:
        output.note(f"uploaded to the {place}: {report.commit_url}")
