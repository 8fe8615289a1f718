"""Ids in, one vector a token out: the static embedding families, and the folder that they are kept in.

An embedding sees ids and the piece table, never a tokenizer.
"""

from tokit.embedding.base import Embedding
from tokit.registry import Registry

EMBEDDINGS: Registry[type[Embedding]] = Registry(
    "embedding",
    {
        "skipgram": "tokit.embedding.families.skipgram:SkipGram",
        "cbow": "tokit.embedding.families.cbow:Cbow",
        "fasttext": "tokit.embedding.families.fasttext:FastText",
        "glove": "tokit.embedding.families.glove:Glove",
        "svd": "tokit.embedding.families.svd:Svd",
    },
)

__all__ = ["EMBEDDINGS", "Embedding"]
