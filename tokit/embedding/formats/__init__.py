"""Files of word vectors that other tools wrote; adding a format is one file and one line here."""

from __future__ import annotations

from tokit.embedding.formats.base import Format
from tokit.registry import Registry

FORMATS: Registry[type[Format]] = Registry(
    "format",
    {
        "word2vec": "tokit.embedding.formats.text:Word2VecText",
        "word2vec-binary": "tokit.embedding.formats.word2vec_binary:Word2VecBinary",
        "glove": "tokit.embedding.formats.text:Glove",
        "fasttext-vec": "tokit.embedding.formats.text:FastTextVec",
        "fasttext-bin": "tokit.embedding.formats.fasttext_bin:FastTextBin",
        "npy": "tokit.embedding.formats.npy:Npy",
        "safetensors": "tokit.embedding.formats.safetensors:Safetensors",
    },
)

__all__ = ["FORMATS", "Format"]
