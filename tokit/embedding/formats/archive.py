"""One file of a zip archive, as word vectors are published in them.

Libraries save arrays and models as zip archives too (NumPy's .npz, PyTorch's .pt): those are named, and never opened.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tokit.errors import ArtifactError, UsageError
from tokit.registry import did_you_mean

ZIP = b"PK\x03\x04"
# Members that a message lists.
MOST_LISTED = 8
# Files that packing programs and authors add.
NO_VECTORS = ("__MACOSX/", ".DS_Store", "README", "readme", "LICENSE", "license")


def open_member(archive: Path, name: str, member: str | None, stack: ExitStack) -> tuple[str, Callable[[int], bytes]]:
    """Open a file of a zip archive.

    Args:
        archive: The archive, which can be sought in.
        name: Its name in messages.
        member: The file in it; None takes the only one.
        stack: Closes it.

    Returns:
        The file's name, and a function that returns at most n of its bytes, b"" at the end.

    Raises:
        ArtifactError: several files and no `member`, no such file, damaged, encrypted, or no archive of vectors.
    """
    try:
        opened = stack.enter_context(zipfile.ZipFile(archive))
        chosen = _chosen(opened.namelist(), name, member)
        file = stack.enter_context(opened.open(chosen))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise _unreadable(name, error) from error

    def pull(size: int) -> bytes:
        try:
            return file.read(size)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise _unreadable(f"{name}:{chosen}", error) from error

    return chosen, pull


def _chosen(names: list[str], archive: str, member: str | None) -> str:
    files = [name for name in names if not name.endswith("/")]
    if member is not None:
        # Its last part is enough where it is the only one of that name.
        found = [name for name in files if member in (name, name.rpartition("/")[2])]
        if len(found) == 1 or member in found:
            return member if member in found else found[0]
        raise UsageError(f"--member {member}: not in {archive}", hint=did_you_mean(member, files))
    if any(name.endswith("data.pkl") for name in files):
        raise ArtifactError(
            f"{archive}: a file of PyTorch (a pickle), which is never loaded",
            hint="save its matrix with numpy.save(...) and its words one a line, and import both with --words",
        )
    if files and all(name.endswith(".npy") for name in files):
        raise ArtifactError(f"{archive}: an archive of arrays", hint="save one matrix: numpy.save(...)")
    vectors = [name for name in files if not any(part in name for part in NO_VECTORS)]
    if len(vectors) == 1:
        return vectors[0]
    listed = ", ".join(vectors[:MOST_LISTED]) + (", …" if len(vectors) > MOST_LISTED else "")
    what = f"an archive of {len(vectors):,} files: {listed}" if vectors else "an archive without a file of vectors"
    hint = f"--member {vectors[0]}" if vectors else "fetch it again"
    raise ArtifactError(f"{archive}: {what}", hint=hint)


def _unreadable(name: str, error: Exception) -> ArtifactError:
    if "encrypted" in str(error):
        return ArtifactError(f"{name}: encrypted", hint="unpack it with its password first")
    if isinstance(error, NotImplementedError):
        return ArtifactError(f"{name}: {str(error).lower()}", hint=f"unpack it first: unzip {name}")
    return ArtifactError(
        f"{name}: not a zip archive, or damaged: {error}", hint="truncated download? fetch it again; test it: unzip -t"
    )
