"""Removal of the principal component that most documents share, the second half of SIF.

Arora et al. 2017, https://openreview.net/forum?id=SyK00v5xx
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tokit.arrays import Block, Ids
from tokit.corpus import Corpus
from tokit.embedding.pooling import Direction
from tokit.embedding.static_embedder import Component, Embedder
from tokit.errors import UsageError
from tokit.progress import Tick, silent
from tokit.registry import did_you_mean
from tokit.tokenizer.encode_corpus import encode_corpus

# Documents whose first principal component is removed.
COMPONENTS = ("all", "sample")
SAMPLE_DOCUMENTS = 100_000


def with_component_removed(corpus: Corpus, embedder: Embedder, of: str, tick: Tick = silent) -> Embedder:
    """The embedder, with the first principal component of some documents removed from document vectors.

    It is the first singular vector of the documents' vectors, which are not centered.

    Args:
        corpus: The documents; they are read once for this, so that the corpus has to be one that can be read again.
        embedder: Gives the vectors.
        of: "all" documents, or a "sample": the first `SAMPLE_DOCUMENTS` or so.
        tick: Progress.

    Raises:
        UsageError: `of` is neither.
    """
    if of not in COMPONENTS:
        raise UsageError(f"unknown --remove-component '{of}'", hint=did_you_mean(of, list(COMPONENTS)))
    direction = Direction(embedder.dim)
    documents = 0
    most = SAMPLE_DOCUMENTS if of == "sample" else None

    def products(_block: Block, ids: Ids) -> tuple[int, npt.NDArray[np.float64]]:
        return len(ids), sum(map(Direction.products_of, embedder.pooled(ids)), np.zeros((embedder.dim,) * 2))

    for count, part in encode_corpus(corpus, embedder.tokenizer, products, embedder.options, tick):
        direction.add(part)
        documents += count
        if most is not None and documents >= most:
            break
    return embedder.without(Component(direction.found(), of, documents))
