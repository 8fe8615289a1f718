"""Writes the parts of a shards folder: all documents in one, or some of them held out."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tokit.arrays import Block, Ids
from tokit.corpus import Fingerprint, split_mask
from tokit.errors import UsageError
from tokit.ids import SHARDS_TOKENIZER
from tokit.ids.shards import TRAIN, WHOLE
from tokit.ids.writer import PackedIds, ShardWriter
from tokit.storage.data_manifests import ShardPart

# Names in a shards folder that a held-out part cannot have.
RESERVED = (TRAIN, WHOLE, SHARDS_TOKENIZER)


@dataclass(frozen=True, slots=True)
class Split:
    """A held-out part: its name, and the fraction of the documents that go there, 0 to 1."""

    name: str
    fraction: float

    @classmethod
    def parse(cls, value: str) -> Split:
        """Read `"val=0.01"`.

        Raises:
            UsageError: not of that form, or no fraction between 0 and 1.
        """
        name, _, number = value.partition("=")
        try:
            fraction = float(number)
        except ValueError:
            fraction = -1.0
        if not name.isidentifier() or name in RESERVED or not 0 < fraction < 1:
            raise UsageError(
                f"--split {value}: not NAME=FRACTION with a fraction between 0 and 1", hint="--split val=0.01"
            )
        return cls(name, fraction)


@dataclass(frozen=True, slots=True)
class PackedBlock:
    """A block of documents in the form of the files.

    Attributes:
        by_part: Documents of each part.
        fingerprint: Of all documents of the corpus.
        empty: Number of empty documents that were left out.
        open_end: Whether the last line of the source had no newline.
    """

    by_part: dict[str, PackedIds]
    fingerprint: Fingerprint
    empty: int
    open_end: bool


class PartsWriter:
    """Packs blocks on any thread, and appends them in order.

    Args:
        folder: Of the shards.
        format: Writer of one part.
        dtype: Of the ids.
        end_of_text: Id that each document ends with; None for none.
        keep_empty: Write empty documents too.
        masked: The documents are conversations, and come with a mask of what the assistant writes.
        split: The held-out part; None writes one part.
        seed: Of the split.

    Attributes:
        fingerprint: Of the documents of the corpus.
        empty: Number of empty documents that were left out.
        open_end: Whether the last line of the corpus had no newline.
    """

    def __init__(
        self,
        folder: Path,
        format: type[ShardWriter],
        dtype: np.dtype[np.unsignedinteger],
        *,
        end_of_text: int | None,
        keep_empty: bool = False,
        masked: bool = False,
        split: Split | None,
        seed: int,
    ) -> None:
        self.dtype = dtype
        self.end_of_text = end_of_text
        self.keep_empty = keep_empty
        self.empty = 0
        self.split = split
        self.seed = seed
        self.fingerprint = Fingerprint()
        self.open_end = False
        self._files = ExitStack()
        names = [WHOLE] if split is None else [TRAIN, split.name]
        self._parts = {
            name: self._files.enter_context(closing(format(folder / name, dtype, end_of_text, masked=masked)))
            for name in names
        }

    def pack(self, block: Block, ids: Ids) -> PackedBlock:
        """Pack a block. It changes nothing, so any thread may call it."""
        fingerprint, filled = Fingerprint.of(block), block.lengths > 0
        empty = 0 if self.keep_empty else int(np.count_nonzero(~filled))
        parts = self._assign(*((block.select(filled), ids.select(filled)) if empty else (block, ids)))
        packed = {name: self._parts[name].packed(part) for name, part in parts.items()}
        return PackedBlock(packed, fingerprint, empty, block.open_end)

    def write(self, block: PackedBlock) -> None:
        """Append a block."""
        for name, packed in block.by_part.items():
            self._parts[name].write(packed)
        self.fingerprint.merge(block.fingerprint)
        self.empty += block.empty
        if block.fingerprint.documents:
            self.open_end = block.open_end

    def close(self) -> None:
        """Finish the files."""
        self._files.close()

    @property
    def facts(self) -> dict[str, ShardPart]:
        """Entries of the manifest: files and sizes of the parts."""
        return {name: part.facts for name, part in self._parts.items()}

    @property
    def digests(self) -> dict[str, str]:
        """sha256 of files that were hashed while they were written, by name."""
        return {name: digest for part in self._parts.values() for name, digest in part.digests.items()}

    def _assign(self, block: Block, ids: Ids) -> dict[str, Ids]:
        """The documents of each part."""
        if self.split is None:
            return {WHOLE: ids}
        held_out = split_mask(block, self.split.fraction, seed=self.seed)
        return {TRAIN: ids.select(~held_out), self.split.name: ids.select(held_out)}
