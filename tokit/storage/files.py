"""A .npy file that is written row by row, and appears whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from tokit.errors import ArtifactError
from tokit.storage.targets import Replaces, drafted_file, require_place

# First bytes of a file that may be replaced, by the extension of its name.
MAGIC = {
    ".npy": b"\x93NUMPY",
    ".npz": b"PK",
    ".parquet": b"PAR1",
    ".jsonl": b"{",
    ".html": b"<!doctype html>",
    ".onnx": b"\x08",
}


class RowWriter:
    """Appends rows to an open file; its header gets the number of rows at the end."""

    def __init__(self, file: BinaryIO, dtype: npt.DTypeLike, row_shape: tuple[int, ...]) -> None:
        self._file = file
        self._dtype = np.dtype(dtype)
        self._row_shape = row_shape
        self.rows = 0
        self._write_header()

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Write some more rows."""
        self._file.write(np.ascontiguousarray(rows, dtype=self._dtype).data)
        self.rows += len(rows)

    def finish(self) -> None:
        """Put the number of rows into the header."""
        self._file.seek(0)
        self._write_header()

    def _write_header(self) -> None:
        # NumPy leaves room in the header for an array that grows along its first axis.
        descr = np.lib.format.dtype_to_descr(self._dtype)
        header = {"descr": descr, "fortran_order": False, "shape": (self.rows, *self._row_shape)}
        np.lib.format.write_array_header_1_0(self._file, header)


def check_file(target: str | Path, *, overwrite: bool, kind: str = ".npy") -> None:
    """Refuse a target before the work starts.

    Raises:
        ArtifactError: a folder is there, a file and `overwrite` was not given, or a file of another kind.
    """
    path = Path(target)
    if path.is_dir():
        raise ArtifactError(f"{target} is a folder", hint="give -o the name of a file")
    require_place(path.resolve())
    if path.exists() and not overwrite:
        raise ArtifactError(f"{target} exists", hint="pass --overwrite, or another -o")
    if path.exists() and not _begins_with(path, MAGIC[kind]):
        raise ArtifactError(f"{target} is no {kind} file, so it is not replaced", hint="remove it, or pass another -o")


def _begins_with(path: Path, magic: bytes) -> bool:
    # A pipe would wait for someone to write.
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError:
        return False


def replaces(kind: str, *, overwrite: bool) -> Replaces:
    """Files that may be replaced: none, or with `overwrite` those of a kind, a key of `MAGIC`."""
    return lambda path: overwrite and _begins_with(path, MAGIC[kind])


@contextlib.contextmanager
def writing_file(target: str | Path, may_replace: Replaces) -> Iterator[BinaryIO]:
    """Write a file beside `target`, which it becomes when the block ends well.

    Args:
        target: The file; a link to it stays a link.
        may_replace: True for what lies there when that was asked to be replaced; asked at the end.

    Yields:
        The open file.

    Raises:
        ArtifactError: something is there at the end that may not be replaced; the finished file is kept beside it.
    """
    with drafted_file(Path(target).resolve(), may_replace) as draft, draft.open("wb") as file:
        yield file


@contextlib.contextmanager
def writing_rows(
    target: str | Path, may_replace: Replaces, dtype: npt.DTypeLike, row_shape: tuple[int, ...] = ()
) -> Iterator[RowWriter]:
    """Write an array to `target`; the file appears when the block ends well."""
    with writing_file(target, may_replace) as file:
        writer = RowWriter(file, dtype, row_shape)
        yield writer
        writer.finish()
