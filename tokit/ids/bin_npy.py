"""Flat ids: little-endian uint16 or uint32, one document after the other, the format of nanoGPT.

`ends.npy` (int64) holds the exclusive end of each document, its end-of-text included; `assistant.npy` (bool), of
conversations, says which ids the assistant writes.
https://github.com/karpathy/nanoGPT (data/openwebtext/prepare.py)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tokit.arrays import Ids
from tokit.ids.document_ends import lacks_end, with_ends
from tokit.ids.writer import PackedIds, ShardWriter
from tokit.kernels.dispatch import pack_ids
from tokit.storage.files import RowWriter
from tokit.storage.hashed_file import GrowingFile


class BinWriter(ShardWriter):
    """A file of nothing but ids."""

    extension = ".bin"
    flat = True

    def __init__(
        self, path: Path, dtype: np.dtype[np.unsignedinteger], end_of_text: int | None, *, masked: bool = False
    ) -> None:
        super().__init__(path, dtype, end_of_text, masked=masked)
        self._file = self._opened()
        self._ends_file = NpyColumn(path.with_name(self.ends_file or ""), np.dtype("<i8"))
        self._assistant_file = (
            None if self.assistant_file is None else NpyColumn(path.with_name(self.assistant_file), np.dtype(np.bool_))
        )

    def packed(self, ids: Ids) -> PackedIds:
        # The kernel writes an end behind every document; the few that bring their own are left to numpy.
        if self.end_of_text is not None and not lacks_end(ids, self.end_of_text).all():
            return PackedIds(*pack_ids(with_ends(ids, self.end_of_text), None, self.dtype))
        return PackedIds(*pack_ids(ids, self.end_of_text, self.dtype), ids.assistant)

    def write(self, packed: PackedIds) -> None:
        self._file.write(packed.data)
        self._ends_file.write(packed.ends + self.tokens)
        if self._assistant_file is not None and packed.assistant is not None:
            self._assistant_file.write(packed.assistant)
        self.documents += len(packed.ends)
        self.tokens += len(packed.data)

    def close(self) -> None:
        digest = self._file.close()
        self._ends_file.close()
        if self._assistant_file is not None:
            self._assistant_file.close()
        if digest is not None:
            self.digests[self.path.name] = digest

    def _opened(self) -> GrowingFile | NpyColumn:
        return GrowingFile(self.path)


class NpyWriter(BinWriter):
    """Ids as an .npy array of one dimension."""

    extension = ".npy"

    def _opened(self) -> NpyColumn:
        return NpyColumn(self.path, self.dtype)


class NpyColumn:
    """An .npy array of one dimension whose length is known only at the end."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self._file = path.open("wb")
        self._rows = RowWriter(self._file, dtype, ())

    def write(self, values: np.ndarray[Any, Any]) -> None:
        """Append values."""
        self._rows.append(values)

    def close(self) -> None:
        """Write the header with the length."""
        self._rows.finish()
        self._file.close()
