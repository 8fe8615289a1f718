"""What a shard format is: one part of a shards folder, written block by block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tokit.arrays import Ids, IntArray


def id_dtype(vocab_size: int) -> np.dtype[np.unsignedinteger]:
    """The narrowest of uint16 and uint32 that holds every id."""
    return np.dtype("<u2") if vocab_size <= 1 << 16 else np.dtype("<u4")


@dataclass(frozen=True, slots=True)
class Packed:
    """Documents on their way into a file.

    Attributes:
        data: Ids in the type of the file, with an end-of-text behind each document where the format wants one.
        ends: Exclusive end of each document in `data`.
    """

    data: npt.NDArray[np.unsignedinteger]
    ends: IntArray


class ShardWriter(ABC):
    """Writes the ids of documents into one file.

    Args:
        path: The file, without its extension.
        dtype: Of the ids.
        end_of_text: Written after each document by formats that have no other mark of its end.
    """

    extension: ClassVar[str]
    # A flat run of ids says nothing of documents: the ends lie beside it, and end-of-text lies between them.
    flat: ClassVar[bool]

    def __init__(self, path: Path, dtype: np.dtype[np.unsignedinteger], end_of_text: int | None) -> None:
        self.path = path.with_name(path.name + self.extension)
        self.dtype = dtype
        self.end_of_text = end_of_text
        self.documents = 0
        self.tokens = 0
        # The sha256 of files, by name, that are hashed while they are written; there when the writer is closed.
        self.digests: dict[str, str] = {}

    @abstractmethod
    def packed(self, ids: Ids) -> Packed:
        """Documents as the file has them. It looks at nothing that `write` changes, so any thread may call it."""

    @abstractmethod
    def write(self, packed: Packed) -> None:
        """Append documents."""

    @abstractmethod
    def close(self) -> None:
        """Finish the file."""


def with_end_of_text(ids: Ids, end_of_text: int) -> Ids:
    """The same documents, each followed by one more id."""
    ends = ids.ends + np.arange(1, len(ids) + 1, dtype=np.int64)
    data = np.insert(ids.data, ids.ends, end_of_text)
    return Ids(data, ends)
