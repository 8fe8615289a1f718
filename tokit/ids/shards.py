"""Read a shards folder: one part, or `train` and `val`; the tokenizer of its ids; and a manifest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tokit.arrays import Ids, IntArray, Mask
from tokit.errors import ArtifactError, MissingExtraError
from tokit.ids.assistant_mask import IGNORED
from tokit.storage.array_files import DamagedArrayError, map_numbers, read_npy
from tokit.storage.data_manifests import ShardsManifest
from tokit.storage.folder import read_manifest

# Names of the parts: of all documents, and of those that a held-out part leaves.
WHOLE, TRAIN = "ids", "train"
DOCUMENTS_AT_ONCE = 4096
TOKENS_AT_ONCE = 1 << 20
DTYPES = ("uint16", "uint32")
FORMATS = ("bin", "npy", "parquet")


@dataclass(frozen=True, slots=True)
class Shards:
    """An opened shards folder."""

    path: Path
    manifest: ShardsManifest

    @property
    def parts(self) -> list[str]:
        """Names of the parts, in the order of the manifest."""
        return list(self.manifest.parts)

    def read(self, part: str) -> Iterator[Ids]:
        """Iterate over the ids of a part, a number of documents at a time, without end-of-text.

        Raises:
            ArtifactError: a file is missing or does not fit its manifest.
        """
        if self.manifest.format not in FORMATS:
            raise _damaged(f"{self.path}: '{self.manifest.format}' is no format of shards: {', '.join(FORMATS)}")
        if self.manifest.format == "parquet":
            yield from self._read_rows(part)
        else:
            yield from self._read_flat(part)

    def flat(self, part: str) -> tuple[np.ndarray[Any, Any], IntArray]:
        """Map a part of bin or npy shards: its ids, and the ends of the documents, end-of-text included.

        Raises:
            ArtifactError: a file is missing or does not fit its manifest.
        """
        facts = self.manifest.parts[part]
        if self.manifest.dtype not in DTYPES:
            raise _damaged(f"{self.path}: '{self.manifest.dtype}' is no type of ids: {' or '.join(DTYPES)}")
        if facts.ends is None:
            raise _damaged(f"{self.path}: part '{part}' has no file with the ends of its documents")
        with _reading(self.path):
            ends: IntArray = read_npy(self.path / facts.ends, ("int64",), (facts.documents,))
            file, dtype = self.path / facts.file, self.manifest.dtype
            if self.manifest.format == "npy":
                ids = read_npy(file, (dtype,), (facts.tokens,), mapped=True)
            else:
                ids = map_numbers(file, dtype, facts.tokens)
        if not _fit(ends, facts.tokens, self._marks):
            raise _damaged(f"{self.path / facts.ends} does not hold the ends of {facts.documents:,} documents")
        return ids, ends

    def assistant(self, part: str) -> Mask | None:
        """True for each id that the assistant of a conversation writes, end-of-text included; None for text.

        Raises:
            ArtifactError: a file is missing or does not fit the ids.
        """
        facts = self.manifest.parts[part]
        if self.manifest.format == "parquet":
            return self._row_mask(part) if self.manifest.chat else None
        if facts.assistant is None:
            return None
        with _reading(self.path):
            return read_npy(self.path / facts.assistant, ("bool",), (facts.tokens,), mapped=True)

    def _row_mask(self, part: str) -> Mask | None:
        from pyarrow import ArrowException, parquet

        path = self.path / self.manifest.parts[part].file
        try:
            table = parquet.read_table(path)
            if "labels" not in table.column_names:
                return None
            ids, labels = (table.column(name).combine_chunks().flatten().to_numpy() for name in ("input_ids", "labels"))
        except (ArrowException, OSError, ValueError, KeyError) as error:
            raise _damaged(f"{self.path}: {error}") from error
        mask: Mask = labels != IGNORED
        if len(ids) != len(labels) or (ids[mask] != labels[mask]).any():
            raise _damaged(f"{path}: its labels are not those of its ids")
        return mask

    @property
    def _marks(self) -> int:
        """Tokens at the end of each document that are not its text."""
        return 1 if self.manifest.end_of_text is not None else 0

    def _read_flat(self, part: str) -> Iterator[Ids]:
        ids, ends = self.flat(part)
        first = 0
        while first < len(ends):
            start = int(ends[first - 1]) if first else 0
            last = int(np.searchsorted(ends, start + TOKENS_AT_ONCE, side="right"))
            last = min(max(last, first + 1), first + DOCUMENTS_AT_ONCE)
            chunk = ends[first:last] - start
            data = np.asarray(ids[start : start + int(chunk[-1])], dtype=np.uint32)
            yield _without_marks(data, chunk) if self._marks else Ids(data, chunk)
            first = last

    def _read_rows(self, part: str) -> Iterator[Ids]:
        try:
            from pyarrow import ArrowException, parquet
        except ImportError as error:
            raise MissingExtraError("reading Parquet", "data") from error
        try:
            with parquet.ParquetFile(self.path / self.manifest.parts[part].file) as file:
                for batch in file.iter_batches(DOCUMENTS_AT_ONCE, columns=["input_ids"]):
                    yield self._row_ids(Ids.of(batch.column("input_ids").to_pylist()))
        # Python's own errors come from a column that is missing, or holds null or negative numbers.
        except (ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError) as error:
            raise _damaged(f"{self.path}: {error}") from error

    def _row_ids(self, ids: Ids) -> Ids:
        if not self._marks:
            return ids
        if len(ids) and int(ids.lengths.min()) < self._marks:
            raise ValueError("a row without an end of text")
        return _without_marks(ids.data, ids.ends)


def open_shards(path: str | Path) -> Shards:
    """Open a shards folder.

    Raises:
        ArtifactError: it is no shards folder.
    """
    return Shards(Path(path), read_manifest(path, ShardsManifest))


@contextlib.contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """Damaged and missing files as an error of the shards."""
    try:
        yield
    except OSError as error:
        raise _damaged(f"{folder}: {error}") from error
    except DamagedArrayError as error:
        raise _damaged(error.message) from error


def _damaged(message: str) -> ArtifactError:
    return ArtifactError(message, hint="the shards are damaged; encode again")


def _fit(ends: np.ndarray[Any, Any], tokens: int, marks: int) -> bool:
    """True when these are the ends of documents of at least `marks` tokens each and `tokens` in all."""
    if ends.min(initial=0) < 0:
        return False
    total = int(ends[-1]) if len(ends) else 0
    return total == tokens and bool(np.diff(ends, prepend=0).min(initial=marks) >= marks)


def _without_marks(data: np.ndarray[Any, np.dtype[np.uint32]], ends: IntArray) -> Ids:
    return Ids(np.delete(data, ends - 1), ends - np.arange(1, len(ends) + 1))
