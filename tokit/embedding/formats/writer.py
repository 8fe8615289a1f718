"""What a format to export to is: a way from words and their rows to a file, and back through a library of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.ngrams import NgramTable
from tokit.progress import Tick, silent
from tokit.storage.safetensors import Rows

ROWS_AT_ONCE = 1 << 12
# What C and Python both take for the end of a word.
WHITE_SPACE = " \t\n\v\f\r"
# How much a number may differ, in parts of the largest that it was made of: sums are rounded in another order.
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Exported:
    """What is written.

    Attributes:
        words: All different, frequent ones first.
        ids: The token of each.
        counts: How often each occurs; at least 1.
        vectors: By token id; float32, shape (vocab, dim).
        ngrams: What the vectors are means of, if they are.
        output: The other half of the model by token id, if it was kept.
        params: What the family was trained with.
        bag: It learned from bags of words.
        tick: Progress.
    """

    words: list[str]
    ids: IntArray
    counts: IntArray
    vectors: FloatArray
    ngrams: NgramTable | None
    output: Rows | None
    params: dict[str, Any]
    bag: bool
    tick: Tick = silent

    @property
    def dim(self) -> int:
        """Columns."""
        return int(self.vectors.shape[1])

    def parts(self) -> Iterator[slice]:
        """Places of words, some at a time."""
        for start in range(0, len(self.words), ROWS_AT_ONCE):
            yield slice(start, min(start + ROWS_AT_ONCE, len(self.words)))


class Export(ABC):
    """A kind of file.

    Attributes:
        forbidden: Characters that no word can have in it.
        by_text: Words are the tokens' texts, whatever else would be asked for.
        read_as: The names of the readers of such files, see `tokit.embedding.formats`.
    """

    name: ClassVar[str]
    forbidden: ClassVar[str] = WHITE_SPACE
    by_text: ClassVar[bool] = False
    read_as: ClassVar[tuple[str, ...]]

    @classmethod
    @abstractmethod
    def write(cls, exported: Exported, file: BinaryIO) -> None:
        """Write the whole file.

        Raises:
            UsageError: the format cannot hold such an embedding.
        """

    @classmethod
    @abstractmethod
    def verify(cls, exported: Exported, path: Path) -> tuple[str, ...]:
        """Load the file in the libraries it is for.

        Returns:
            Their names.

        Raises:
            CheckError: a vector is not the same.
            MissingExtraError: there is no such library here.
        """


def differs(mine: FloatArray, theirs: FloatArray, scale: float = 1.0) -> int | None:
    """The first row that is not the same but for rounding; None when all are.

    Args:
        mine: Shape (n, dim).
        theirs: The same.
        scale: The size of the largest number that rows were made of.
    """
    if mine.shape != theirs.shape:
        return 0
    far = ~(np.abs(mine - theirs) <= ROUNDING * max(scale, 1e-30)).all(axis=1)
    return int(np.argmax(far)) if far.any() else None
