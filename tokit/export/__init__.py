"""Files that other tools read; adding a format is one file and one line here."""

from __future__ import annotations

from tokit.export.base import Export
from tokit.registry import Registry

EXPORTS: Registry[type[Export]] = Registry(
    "format",
    {
        "fasttext": "tokit.export.fasttext:FastTextBin",
        "word2vec": "tokit.export.text:Word2VecText",
        "word2vec-binary": "tokit.export.word2vec_binary:Word2VecBinary",
        "glove": "tokit.export.text:Glove",
        "npy": "tokit.export.npy:Npy",
    },
)

__all__ = ["EXPORTS", "Export"]
