"""Write a file whole or not at all: it is written beside its target, and renamed when it is complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(target: Path, draft: Path, *, sync: bool = True) -> Iterator[Path]:
    """Write `draft`, which becomes `target` when the block ends well and is removed when it does not.

    Args:
        target: The file to appear, or to be replaced; another process may be reading it.
        draft: A file in the same folder.
        sync: Bring the bytes to disk before the rename, so that they survive a crash of the machine.

    Raises:
        OSError: it cannot be written.
    """
    try:
        yield draft
        if sync:
            # Open for writing, as Windows syncs nothing else.
            with draft.open("r+b") as file:
                os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
