"""Ids of a corpus for training: encoded once, read again in every epoch.

They are in a flat file that is mapped into memory, so that memory does not grow with the corpus, and standard input can
be trained on like a file. The file has no name, so that a killed run leaves nothing behind. Shards have the same form:
a flat array of ids, and the ends of the documents.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokit.arrays import Ids, IntArray, Ragged
from tokit.kernels.dispatch import count_ids

# Approximate number of tokens in which documents are turned into lists at a time.
CHUNK_TOKENS = 1 << 18
# Number of bytes that Linux maps around one that is read; a multiple of a page.
READ_AROUND = 1 << 16


@dataclass(frozen=True, slots=True)
class IdStream(Ragged):
    """Token ids of a corpus.

    Attributes:
        data: All ids; uint16 or uint32, shape (tokens,); may be mapped from a file.
        ends: Exclusive end of each document; int64, shape (documents,).
        mapping: Of the file behind `data`, if there is one.
    """

    data: npt.NDArray[np.unsignedinteger]
    mapping: mmap.mmap | None = None

    def part(self, start: int, end: int) -> npt.NDArray[np.uint32]:
        """Copy consecutive ids.

        The pages that were read are returned to the system, so that a training keeps none of the file in memory.
        """
        ids = np.array(self.data[start:end], dtype=np.uint32)
        if self.mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
            first = start * self.data.itemsize // READ_AROUND * READ_AROUND
            self.mapping.madvise(mmap.MADV_DONTNEED, first, end * self.data.itemsize - first)
        return ids

    def sentences(self, longest: int) -> Iterator[list[int]]:
        """Iterate over documents that are not empty, as lists, split into parts of up to `longest` tokens."""
        starts = self.starts
        first = 0
        while first < len(self.ends):
            # As many whole documents as fit, and always one.
            last = max(first + 1, int(np.searchsorted(self.ends, starts[first] + CHUNK_TOKENS, side="right")))
            yield from self._parts(starts[first:last], self.ends[first:last], longest)
            first = last

    def _parts(self, starts: IntArray, ends: IntArray, longest: int) -> Iterator[list[int]]:
        offset = int(starts[0])
        if len(ends) == 1:
            for start in range(offset, int(ends[0]), longest):
                yield self.data[start : min(start + longest, int(ends[0]))].tolist()
            return
        flat = self.data[offset : int(ends[-1])].tolist()
        for start, end in zip((starts - offset).tolist(), (ends - offset).tolist(), strict=True):
            for part in range(start, end, longest):
                yield flat[part : min(part + longest, end)]


class StreamWriter:
    """Writes the ids of a corpus to a file, and counts them: `with StreamWriter(8000) as stream: …`.

    Attributes:
        token_counts: Occurrences of each id; int64, shape (vocab,).
        document_frequencies: Documents that hold each id; int64, shape (vocab,).
    """

    def __init__(self, vocab_size: int) -> None:
        self._file = tempfile.TemporaryFile(prefix="tokit-")  # noqa: SIM115 - closed on leaving
        self._dtype = np.dtype("<u2" if vocab_size <= 1 << 16 else "<u4")
        self._ends: list[IntArray] = []
        self._tokens = 0
        self.token_counts = np.zeros(vocab_size, dtype=np.int64)
        self.document_frequencies = np.zeros(vocab_size, dtype=np.int64)
        self._documents = 0
        self._last = np.full(vocab_size, -1, dtype=np.int64)

    def add(self, ids: Ids) -> None:
        """Write the next documents."""
        self._file.write(ids.data.astype(self._dtype, copy=False).data)
        self._ends.append(ids.ends + self._tokens)
        self._tokens += len(ids.data)
        count_ids(ids, self._documents, self.token_counts, self.document_frequencies, self._last)
        self._documents += len(ids)

    def __enter__(self) -> StreamWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def mapped(self) -> IdStream:
        """Map the file; the stream outlives the writer."""
        self._file.flush()
        ends = np.concatenate(self._ends) if self._ends else np.zeros(0, dtype=np.int64)
        if not self._tokens:
            # An empty file cannot be mapped.
            return IdStream(np.zeros(0, dtype=self._dtype), ends)
        mapping = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return IdStream(np.frombuffer(mapping, dtype=self._dtype), ends, mapping)
