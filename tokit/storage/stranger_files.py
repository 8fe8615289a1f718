"""Files that somebody else may have made: opened only where they are regular files within their folder.

A name in a manifest could lead to any file of the reader, and so could a link; a named pipe in place of a file would
be waited for without end.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tokit.errors import ArtifactError

# A cache of the Hub: `snapshots/COMMIT` holds links to `blobs/HASH`.
SNAPSHOTS, BLOBS = "snapshots", "blobs"
# Settings that name code, in files of the folder or of a repository: no folder of ours passes them on.
CODE_SETTINGS = ("auto_map", "custom_pipelines", "custom_generate", "trust_remote_code")


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading; a folder, a device or a named pipe, which might never end, is refused.

    Raises:
        ArtifactError: it is no regular file.
        OSError: it is missing, or cannot be read.
    """
    # Before it is opened: a named pipe would wait for its writer.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ArtifactError(f"{path}: not a file", hint="a folder, a device or a pipe lies in its place")
    return path.open("rb")


def is_plain_name(name: str) -> bool:
    """True for the name of a file within a folder or its subfolders, as `1_Pooling/config.json`.

    Absolute names, `..`, and what another system would take for either, are not.
    """
    parts = PurePosixPath(name).parts
    forbidden = "\\" in name or "\0" in name or ":" in name
    return (
        bool(parts)
        and not forbidden
        and not name.startswith("/")
        and ".." not in parts
        and str(PurePosixPath(name)) == name
    )


def refuse_links_out(folder: Path) -> None:
    """Refuse an artifact in which a link leads out of its folder.

    Args:
        folder: The artifact, resolved: it may itself be reached by a link.

    Raises:
        ArtifactError: a link leads out, and not to the files of the same cache of the Hub.
    """
    for link in _links(folder):
        target = Path(os.path.realpath(link))
        if not target.is_relative_to(folder) and not _is_blob(target, folder):
            raise ArtifactError(
                f"{link}: a link that leads out of its folder, to {target}", hint="put the file itself in its place"
            )


def _links(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            if path.is_symlink():
                yield path


def _is_blob(target: Path, folder: Path) -> bool:
    caches = [place.parent for place in folder.parents if place.name == SNAPSHOTS]
    return any(target.parent == cache / BLOBS for cache in caches)
