"""Files that other tools read; adding a format is one file and one line here."""

from __future__ import annotations

from tokit.embedding.formats.writer import Export
from tokit.registry import Registry

EXPORTS: Registry[type[Export]] = Registry(
    "format",
    {
        "fasttext": "tokit.embedding.formats.write_fasttext:FastTextBin",
        "word2vec": "tokit.embedding.formats.write_text:Word2VecText",
        "word2vec-binary": "tokit.embedding.formats.write_word2vec_binary:Word2VecBinary",
        "glove": "tokit.embedding.formats.write_text:Glove",
        "npy": "tokit.embedding.formats.write_npy:Npy",
    },
)

__all__ = ["EXPORTS", "Export"]
