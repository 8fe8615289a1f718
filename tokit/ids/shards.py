"""A shards folder: one part, or `train` and `val`; the tokenizer it was made with; and a manifest that says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tokit.arrays import Ids, IntArray
from tokit.artifact import read_manifest
from tokit.errors import ArtifactError, MissingExtraError

WHOLE = "ids"
DOCUMENTS_AT_ONCE = 4096
TOKENS_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Shards:
    """An opened shards folder."""

    path: Path
    manifest: dict[str, Any]

    @property
    def parts(self) -> list[str]:
        """Names of the parts, in the order of the manifest."""
        return list(self.manifest["parts"])

    def read(self, part: str) -> Iterator[Ids]:
        """The ids of a part, some documents at a time, without end-of-text.

        Raises:
            ArtifactError: a file is missing or does not fit its manifest.
        """
        if self.manifest["format"] == "parquet":
            yield from self._read_rows(part)
        else:
            yield from self._read_flat(part)

    def flat(self, part: str) -> tuple[np.ndarray[Any, Any], IntArray]:
        """A part of bin or npy shards as memory-mapped ids and the ends of the documents, end-of-text included."""
        facts = self.manifest["parts"][part]
        try:
            ends: IntArray = np.load(self.path / facts["ends"], allow_pickle=False)
            file = self.path / facts["file"]
            # An empty file cannot be mapped.
            if not facts["tokens"]:
                return np.zeros(0, dtype=self.manifest["dtype"]), ends
            if self.manifest["format"] == "npy":
                ids = np.load(file, mmap_mode="r", allow_pickle=False)
            else:
                ids = np.memmap(file, dtype=np.dtype(self.manifest["dtype"]).newbyteorder("<"), mode="r")
        except (OSError, EOFError, ValueError) as error:
            raise ArtifactError(f"{self.path}: {error}", hint="the shards are damaged; encode again") from error
        if len(ids) != facts["tokens"] or len(ends) != facts["documents"]:
            raise ArtifactError(
                f"{self.path / facts['file']} holds {len(ids):,} ids, the manifest says {facts['tokens']:,}",
                hint="the shards are damaged; encode again",
            )
        return ids, ends

    def _read_flat(self, part: str) -> Iterator[Ids]:
        ids, ends = self.flat(part)
        marks = 1 if self.manifest["end_of_text"] is not None else 0
        first = 0
        while first < len(ends):
            start = int(ends[first - 1]) if first else 0
            last = int(np.searchsorted(ends, start + TOKENS_AT_ONCE, side="right"))
            last = min(max(last, first + 1), first + DOCUMENTS_AT_ONCE)
            chunk = ends[first:last] - start
            data = np.asarray(ids[start : start + int(chunk[-1])], dtype=np.uint32)
            yield _without_marks(data, chunk) if marks else Ids(data, chunk)
            first = last

    def _read_rows(self, part: str) -> Iterator[Ids]:
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise MissingExtraError("reading Parquet", "data") from error
        try:
            file = parquet.ParquetFile(self.path / self.manifest["parts"][part]["file"])
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{self.path}: {error}", hint="the shards are damaged; encode again") from error
        with file:
            for batch in file.iter_batches(DOCUMENTS_AT_ONCE, columns=["input_ids"]):
                yield Ids.of(batch.column(0).to_pylist())


def open_shards(path: str | Path) -> Shards:
    """Open a shards folder.

    Raises:
        ArtifactError: it is none.
    """
    return Shards(Path(path), read_manifest(path, "shards"))


def _without_marks(data: np.ndarray[Any, np.dtype[np.uint32]], ends: IntArray) -> Ids:
    return Ids(np.delete(data, ends - 1), ends - np.arange(1, len(ends) + 1))
