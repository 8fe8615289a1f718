"""Text: a word and its numbers on a line, with word2vec's first line "words dimensions" or, as GloVe has it, without.

Nine digits give every 32-bit number back.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

from tokit.embedding.formats.writer import Export, Exported, differs
from tokit.errors import CheckError
from tokit.progress import Progress
from tokit.storage.safetensors import Rows


class Word2VecText(Export):
    """word2vec's text, which fastText calls .vec."""

    name = "word2vec"
    read_as: ClassVar[tuple[str, ...]] = ("word2vec", "fasttext-vec")
    headed: ClassVar[bool] = True

    @classmethod
    def write(cls, exported: Exported, file: BinaryIO) -> None:
        if cls.headed:
            file.write(f"{len(exported.words)} {exported.dim}\n".encode())
        line = " %.9g" * exported.dim + "\n"
        for part in exported.parts():
            rows = exported.vectors[exported.ids[part]].tolist()
            words = exported.words[part]
            file.write("".join([word + line % tuple(row) for word, row in zip(words, rows, strict=True)]).encode())
            exported.tick(Progress("writing", part.stop, len(exported.words), "words"))

    @classmethod
    def verify(cls, exported: Exported, path: Path) -> tuple[str, ...]:
        return verify_in_gensim(exported, path, no_header=not cls.headed)


class Glove(Word2VecText):
    """GloVe's text."""

    name = "glove"
    read_as = ("glove",)
    headed = False


def verify_in_gensim(exported: Exported, path: Path, **options: Any) -> tuple[str, ...]:
    """Load word vectors in gensim.

    Raises:
        CheckError: words or vectors are not the same.
    """
    from gensim.models import KeyedVectors

    with warnings.catch_warnings():
        # It reads a file without a header twice, and leaves it open once.
        warnings.simplefilter("ignore", ResourceWarning)
        loaded = KeyedVectors.load_word2vec_format(str(path), **options)
    require_same(exported, loaded.index_to_key, loaded.vectors, "gensim")
    return ("gensim",)


def require_same(exported: Exported, words: list[str], vectors: Rows, library: str) -> None:
    """Hold words and vectors against those that a library loaded.

    Raises:
        CheckError: they are not the same, bit for bit.
    """
    if words != exported.words:
        raise CheckError(
            f"{library} reads {len(words):,} words that are not the {len(exported.words):,} written",
            hint="please report this",
        )
    for part in exported.parts():
        wrong = differs(exported.vectors[exported.ids[part]], np.asarray(vectors[part]), 0)
        if wrong is not None:
            raise CheckError(f"{library} gives '{words[part.start + wrong]}' another vector", hint="please report this")
