"""Interface of a shard format: writes one part of a shards folder, block by block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tokit.arrays import Ids, IntArray, Mask
from tokit.ids.shards import WHOLE
from tokit.storage.data_manifests import ShardPart


def id_dtype(vocab_size: int) -> np.dtype[np.unsignedinteger]:
    """The narrowest of uint16 and uint32 that holds every id."""
    return np.dtype("<u2") if vocab_size <= 1 << 16 else np.dtype("<u4")


@dataclass(frozen=True, slots=True)
class PackedIds:
    """Ids of documents in the form of a file.

    Attributes:
        data: Ids in the type of the file, the end-of-text of each document included.
        ends: Exclusive end of each document in `data`.
        assistant: True for tokens that the assistant of a conversation writes; None for text.
    """

    data: npt.NDArray[np.unsignedinteger]
    ends: IntArray
    assistant: Mask | None = None


class ShardWriter(ABC):
    """Writes the ids of documents into one file.

    Args:
        path: The file, without its extension.
        dtype: Of the ids.
        end_of_text: Id that each document ends with; None for none.
        masked: The ids are of conversations, and come with a mask of what the assistant writes.
    """

    extension: ClassVar[str]
    # A flat file has no document ends: they are in a file beside it.
    flat: ClassVar[bool]

    def __init__(
        self, path: Path, dtype: np.dtype[np.unsignedinteger], end_of_text: int | None, *, masked: bool = False
    ) -> None:
        self.path = path.with_name(path.name + self.extension)
        self.dtype = dtype
        self.end_of_text = end_of_text
        self.masked = masked
        self.ends_file = _beside(path.name, "ends") if self.flat else None
        self.assistant_file = _beside(path.name, "assistant") if self.flat and masked else None
        self.documents = 0
        self.tokens = 0
        # The sha256, by name, of files that are hashed while they are written; complete when the writer is closed.
        self.digests: dict[str, str] = {}

    @property
    def facts(self) -> ShardPart:
        """Entry of a manifest."""
        return ShardPart(self.path.name, self.documents, self.tokens, self.ends_file, self.assistant_file)

    @abstractmethod
    def packed(self, ids: Ids) -> PackedIds:
        """Bring documents into the form of the file; any thread may, as it reads nothing that `write` changes."""

    @abstractmethod
    def write(self, packed: PackedIds) -> None:
        """Append documents."""

    @abstractmethod
    def close(self) -> None:
        """Finish the file."""


def _beside(part: str, what: str) -> str:
    return f"{what}.npy" if part == WHOLE else f"{part}.{what}.npy"
