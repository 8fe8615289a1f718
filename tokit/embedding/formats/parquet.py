"""A Parquet file of vectors: a row each, in the column `vector`, that appears whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tokit.arrays import FloatArray
from tokit.errors import MissingExtraError
from tokit.storage.files import writing_file
from tokit.storage.targets import Replaces

# Of bytes that are as good as random, compression saves nothing.
COMPRESSION = "none"


class VectorWriter:
    """Appends vectors to an open file."""

    def __init__(self, writer: Any, arrow: Any, dim: int) -> None:
        self._writer = writer
        self._arrow = arrow
        self._dim = dim
        self._schema = writer.schema

    def append(self, rows: FloatArray) -> None:
        """Write some more vectors."""
        if not len(rows):
            return
        numbers = self._arrow.array(np.ascontiguousarray(rows).reshape(-1))
        column = self._arrow.FixedSizeListArray.from_arrays(numbers, self._dim)
        self._writer.write_table(self._arrow.Table.from_arrays([column], schema=self._schema))


@contextlib.contextmanager
def writing_vectors(target: str | Path, may_replace: Replaces, dim: int) -> Iterator[VectorWriter]:
    """Write vectors to `target`; the file appears when the block ends well.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("writing Parquet", "data") from error
    schema = arrow.schema([("vector", arrow.list_(arrow.float32(), dim))])
    with (
        writing_file(target, may_replace) as file,
        parquet.ParquetWriter(file, schema, compression=COMPRESSION, use_dictionary=False) as writer,
    ):
        yield VectorWriter(writer, arrow, dim)
