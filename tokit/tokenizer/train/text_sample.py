"""Random documents of a corpus of any size, in one pass."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from operator import itemgetter

import numpy as np

from tokit.arrays import Block


def sampled_texts(blocks: Iterable[Block], size: int, seed: int, *, longest: int) -> list[str]:
    """Documents drawn from all with the same probability, those with the smallest of random keys.

    Args:
        blocks: The corpus.
        size: Number of documents; all of a corpus that has fewer.
        seed: Random seed.
        longest: Characters of a document that are kept.
    """
    draw = np.random.default_rng(seed)
    sample: list[tuple[float, str]] = []
    for block in blocks:
        keys = draw.random(len(block))
        # Later blocks need few: only what is below the largest key that is kept.
        limit = min(sample[-1][0] if len(sample) == size else 1.0, np.sort(keys)[:size][-1] if len(block) else 0.0)
        chosen = keys <= limit
        sample += zip(keys[chosen].tolist(), (text[:longest] for text in block.select(chosen).texts()), strict=True)
        sample = heapq.nsmallest(size, sample, key=itemgetter(0))
    return [text for _, text in sample]
