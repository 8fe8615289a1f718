"""A matrix in NumPy's own format; its words are in a list beside it, one a line."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np

from tokit.embedding.formats.write_text import require_same
from tokit.embedding.formats.writer import Export, Exported
from tokit.storage.files import RowWriter


class Npy(Export):
    """What `tokit import --words` reads."""

    name = "npy"
    read_as = ("npy",)
    forbidden = "\n\r"

    @classmethod
    def write(cls, exported: Exported, file: BinaryIO) -> None:
        writer = RowWriter(file, np.float32, (exported.dim,))
        for part in exported.parts():
            writer.append(exported.vectors[exported.ids[part]])
        writer.finish()

    @classmethod
    def verify(cls, exported: Exported, path: Path) -> tuple[str, ...]:
        require_same(exported, exported.words, np.load(path, mmap_mode="r", allow_pickle=False), "numpy")
        return ("numpy",)
