"""Parquet: one row a document, its ids in the column `input_ids`, the form that `datasets` reads.

Rows of conversations have `labels` too: the ids that the assistant writes, and -100 in place of the others.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tokit.arrays import Ids
from tokit.errors import MissingExtraError
from tokit.ids.assistant_mask import labels_of
from tokit.ids.document_ends import with_ends
from tokit.ids.writer import PackedIds, ShardWriter


class ParquetWriter(ShardWriter):
    """Rows of ids, the end-of-text of the document included."""

    extension = ".parquet"
    flat = False

    def __init__(
        self, path: Path, dtype: np.dtype[np.unsignedinteger], end_of_text: int | None, *, masked: bool = False
    ) -> None:
        super().__init__(path, dtype, end_of_text, masked=masked)
        try:
            import pyarrow as arrow
            from pyarrow import parquet
        except ImportError as error:
            raise MissingExtraError("writing Parquet", "data") from error
        self._arrow = arrow
        self._values = arrow.from_numpy_dtype(dtype)
        labels = [("labels", arrow.large_list(arrow.int32()))] if masked else []
        self._schema = arrow.schema([("input_ids", arrow.large_list(self._values)), *labels])
        self._writer = parquet.ParquetWriter(self.path, self._schema, compression="zstd")

    def packed(self, ids: Ids) -> PackedIds:
        if self.end_of_text is not None:
            ids = with_ends(ids, self.end_of_text)
        return PackedIds(ids.data.astype(self.dtype), ids.ends, ids.assistant)

    def write(self, packed: PackedIds) -> None:
        if not len(packed.ends):
            return
        offsets = self._arrow.array(np.concatenate([[0], packed.ends]), self._arrow.int64())
        columns = [self._arrow.array(packed.data, self._values)]
        if self.masked:
            labels = labels_of(Ids(packed.data.astype(np.uint32), packed.ends, packed.assistant))
            columns.append(self._arrow.array(labels, self._arrow.int32()))
        lists = [self._arrow.LargeListArray.from_arrays(offsets, values) for values in columns]
        self._writer.write_table(self._arrow.Table.from_arrays(lists, schema=self._schema))
        self.documents += len(packed.ends)
        self.tokens += len(packed.data)

    def close(self) -> None:
        self._writer.close()
