"""A matrix in NumPy's .npy format; its words are in a list beside it, one a line."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

from tokit.embedding.formats.base import (
    ExportedVectors,
    ReadableFormat,
    VectorFile,
    WordVectors,
    WritableFormat,
    listed_vectors,
    require_numbers,
)
from tokit.embedding.formats.verification import require_same
from tokit.errors import ArtifactError
from tokit.storage.files import RowWriter


class NpyMatrix(ReadableFormat, WritableFormat):
    """NumPy's own format. Pickled objects are refused."""

    needs_words: ClassVar[bool] = True
    ranked: ClassVar[bool] = False
    forbidden: ClassVar[str] = "\n\r"
    readable_as: ClassVar[tuple[str, ...]] = ("npy",)

    @classmethod
    def check(cls, file: VectorFile) -> None:
        found = _form(file.source.head)
        if found is not None and found[1].hasobject:
            raise _python_objects(file.name)
        if found is not None:
            require_numbers(*found, file.name)

    @classmethod
    def read(cls, file: VectorFile) -> WordVectors:
        try:
            array = np.load(file.source.plain_path(), mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise _unreadable(file.name, error) from error
        if not isinstance(array, np.ndarray):
            raise ArtifactError(f"{file.name}: an archive of arrays", hint="save one matrix: numpy.save(...)")
        return listed_vectors(file, array, file.name)

    @classmethod
    def write(cls, exported: ExportedVectors, file: BinaryIO) -> None:
        writer = RowWriter(file, np.float32, (exported.dim,))
        for part in exported.parts():
            writer.append(exported.vectors[exported.ids[part]])
        writer.finish()

    @classmethod
    def verify(cls, exported: ExportedVectors, path: Path) -> tuple[str, ...]:
        require_same(exported, exported.words, np.load(path, mmap_mode="r", allow_pickle=False), "numpy")
        return ("numpy",)


def _form(head: bytes) -> tuple[tuple[int, ...], np.dtype[Any]] | None:
    """Shape and data type of an array; None for a header that cannot be read, which `read` refuses."""
    stream = io.BytesIO(head)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    except (ValueError, TypeError):
        return None
    return shape, dtype


def _unreadable(name: str, error: Exception) -> ArtifactError:
    if "Object arrays" in str(error) or "Python object" in str(error) or "Array can't be memory-mapped" in str(error):
        return _python_objects(name)
    return ArtifactError(f"{name}: not a .npy matrix: {error}", hint="truncated or damaged?")


def _python_objects(name: str) -> ArtifactError:
    return ArtifactError(
        f"{name}: Python objects (a pickle), which are never loaded",
        hint="save the numbers alone: numpy.save('rows.npy', numpy.stack(list(array)).astype('float32'))",
    )
