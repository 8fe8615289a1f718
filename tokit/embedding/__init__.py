"""Ids in, one vector a token out: the static embedding families, and the folder that they are kept in.

An embedding sees ids and the piece table, never a tokenizer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokit.registry import Registry

if TYPE_CHECKING:
    from tokit.embedding.base import Embedding

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

__all__ = ["EMBEDDINGS"]
