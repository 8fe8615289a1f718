"""A matrix in a .npy file; its words are in a list beside it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tokit.embedding.formats.base import Format, Source, WordVectors, float32_rows, listed_words
from tokit.errors import ArtifactError


class Npy(Format):
    """NumPy's own format. Pickled objects are refused."""

    name: ClassVar[str] = "npy"
    needs_words: ClassVar[bool] = True
    ranked: ClassVar[bool] = False

    @classmethod
    def read(cls, source: Source) -> WordVectors:
        try:
            array = np.load(source.path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ArtifactError(f"{source.path}: not a .npy matrix: {error}", hint="cut off or damaged?") from error
        if not isinstance(array, np.ndarray):
            raise ArtifactError(f"{source.path}: an archive of arrays", hint="save one matrix: numpy.save(...)")
        vectors = float32_rows(array, str(source.path))
        return WordVectors(listed_words(source, len(vectors)), vectors)
