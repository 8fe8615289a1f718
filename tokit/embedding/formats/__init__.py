"""Files of word vectors; adding a format is one file and one line here.

Most formats are read and written. fastText's files are read as "fasttext-bin" and "fasttext-vec", and its .bin is
written as "fasttext".
"""

from __future__ import annotations

from tokit.embedding.formats.base import ReadableFormat, WritableFormat
from tokit.registry import Registry

FORMATS = {
    "fasttext": "tokit.embedding.formats.fasttext:FastTextBin",
    "word2vec": "tokit.embedding.formats.word2vec:Word2VecText",
    "word2vec-binary": "tokit.embedding.formats.word2vec:Word2VecBinary",
    "glove": "tokit.embedding.formats.glove:GloveText",
    "fasttext-vec": "tokit.embedding.formats.word2vec:FastTextVec",
    "fasttext-bin": "tokit.embedding.formats.fasttext:FastTextBin",
    "npy": "tokit.embedding.formats.npy:NpyMatrix",
    "safetensors": "tokit.embedding.formats.safetensors:SafetensorsMatrix",
}
READ_ONLY = ("fasttext-vec", "fasttext-bin", "safetensors")
WRITE_ONLY = ("fasttext",)

READABLE: Registry[type[ReadableFormat]] = Registry(
    "format", {name: code for name, code in FORMATS.items() if name not in WRITE_ONLY}
)
WRITABLE: Registry[type[WritableFormat]] = Registry(
    "format", {name: code for name, code in FORMATS.items() if name not in READ_ONLY}
)

__all__ = ["READABLE", "WRITABLE", "ReadableFormat", "WritableFormat"]
