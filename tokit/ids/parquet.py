"""Parquet: one row a document, its ids in the column `input_ids`, the form that `datasets` reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tokit.arrays import Ids
from tokit.errors import MissingExtraError
from tokit.ids.document_ends import with_ends
from tokit.ids.writer import PackedIds, ShardWriter


class ParquetWriter(ShardWriter):
    """Rows of ids, the end-of-text of the document included."""

    extension = ".parquet"
    flat = False

    def __init__(self, path: Path, dtype: np.dtype[np.unsignedinteger], end_of_text: int | None) -> None:
        super().__init__(path, dtype, end_of_text)
        try:
            import pyarrow as arrow
            from pyarrow import parquet
        except ImportError as error:
            raise MissingExtraError("writing Parquet", "data") from error
        self._arrow = arrow
        self._values = arrow.from_numpy_dtype(dtype)
        self._schema = arrow.schema([("input_ids", arrow.large_list(self._values))])
        self._writer = parquet.ParquetWriter(self.path, self._schema, compression="zstd")

    def packed(self, ids: Ids) -> PackedIds:
        if self.end_of_text is not None:
            ids = with_ends(ids, self.end_of_text)
        return PackedIds(ids.data.astype(self.dtype), ids.ends)

    def write(self, packed: PackedIds) -> None:
        if not len(packed.ends):
            return
        offsets = np.concatenate([[0], packed.ends])
        column = self._arrow.LargeListArray.from_arrays(
            self._arrow.array(offsets, self._arrow.int64()), self._arrow.array(packed.data, self._values)
        )
        self._writer.write_table(self._arrow.Table.from_arrays([column], schema=self._schema))
        self.documents += len(packed.ends)
        self.tokens += len(packed.data)

    def close(self) -> None:
        self._writer.close()
