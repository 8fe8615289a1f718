"""word2vec's binary: a line "words dimensions", then each word, a blank, and its numbers as 32-bit floats."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from tokit.embedding.formats.write_text import verify_in_gensim
from tokit.embedding.formats.writer import Export, Exported


class Word2VecBinary(Export):
    """As the C tool writes it, but for a newline after each vector, which gensim leaves out too."""

    name = "word2vec-binary"
    read_as = ("word2vec-binary",)

    @classmethod
    def write(cls, exported: Exported, file: BinaryIO) -> None:
        file.write(f"{len(exported.words)} {exported.dim}\n".encode())
        for part in exported.parts():
            rows = exported.vectors[exported.ids[part]].astype("<f4", copy=False)
            words = exported.words[part]
            file.write(b"".join([word.encode() + b" " + row.tobytes() for word, row in zip(words, rows, strict=True)]))

    @classmethod
    def verify(cls, exported: Exported, path: Path) -> tuple[str, ...]:
        return verify_in_gensim(exported, path, binary=True)
