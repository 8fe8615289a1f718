"""A file that is hashed and synced to disk while it is written, so that closing it is quick."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

# Bytes after which the disk is given something to do.
STEP = 32 << 20


class GrowingFile:
    """Written from its beginning to its end, by one thread.

    Args:
        path: Created or emptied.

    Attributes:
        size: Bytes written.
    """

    def __init__(self, path: Path) -> None:
        self.size = 0
        self._file = path.open("wb", buffering=0)
        self._hash = hashlib.sha256()
        self._disk = ThreadPoolExecutor(1)
        self._syncing: Future[None] | None = None
        self._synced = 0

    def write(self, values: np.ndarray[Any, Any]) -> None:
        """Append an array.

        Raises:
            OSError: the disk is full or broken; perhaps by what was written earlier.
        """
        rest = values.data.cast("B")
        self._hash.update(rest)
        self.size += len(rest)
        while rest:
            rest = rest[self._file.write(rest) :]
        if self.size - self._synced >= STEP and (self._syncing is None or self._syncing.done()):
            self._wait()
            self._syncing = self._disk.submit(_sync_data, self._file.fileno())
            self._synced = self.size

    def close(self) -> str:
        """Finish the file; its sha256 in hex. Bringing the last part of it to disk is left to the caller."""
        try:
            self._wait()
        finally:
            self._disk.shutdown()
            self._file.close()
        return self._hash.hexdigest()

    def _wait(self) -> None:
        # The first caller that waits raises an error of the disk.
        if self._syncing is not None:
            self._syncing.result()


def _sync_data(descriptor: int) -> None:
    """Bring a file's content to disk, without its times where the system can: macOS and Windows cannot."""
    getattr(os, "fdatasync", os.fsync)(descriptor)
