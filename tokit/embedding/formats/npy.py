"""A matrix in NumPy's .npy format; its words are in a list beside it, one a line."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO, ClassVar

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
from tokit.storage.array_files import npy_header, read_npy
from tokit.storage.files import RowWriter

# First bytes of .npz.
ARCHIVE = b"PK"
_NUMBERS = [np.dtype(code) for code in "efdbhilqBHILQ"]
# Whatever converts to float32, in either order of bytes.
TYPES = {dtype.name for dtype in _NUMBERS} | {dtype.newbyteorder(">").str for dtype in _NUMBERS}


class NpyMatrix(ReadableFormat, WritableFormat):
    """NumPy's own format. Pickled objects are refused."""

    needs_words: ClassVar[bool] = True
    ranked: ClassVar[bool] = False
    forbidden: ClassVar[str] = "\n\r"
    readable_as: ClassVar[tuple[str, ...]] = ("npy",)

    @classmethod
    def check(cls, file: VectorFile) -> None:
        if not file.source.head.startswith(ARCHIVE):
            shape, _, dtype = npy_header(io.BytesIO(file.source.head), file.name)
            require_numbers(shape, dtype, file.name)

    @classmethod
    def read(cls, file: VectorFile) -> WordVectors:
        if file.source.head.startswith(ARCHIVE):
            raise ArtifactError(f"{file.name}: an archive of arrays", hint="save one matrix: numpy.save(...)")
        array = read_npy(file.source.plain_path(), TYPES, name=file.name, mapped=True)
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
