"""Merges of a ranked vocabulary, for models that keep ranks but no merges (tiktoken, SentencePiece BPE).

Such a model joins any two adjacent pieces whose union is in the vocabulary, the best ranked first. The reference
library needs pairs: every split of a piece into two known pieces, in the order of the ranks, has the same effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Piece = TypeVar("Piece", str, bytes)


def merges_of_ranks(ranked: Sequence[Piece]) -> list[tuple[Piece, Piece]]:
    """All pairs of pieces whose union is a piece too, best ranked union first.

    Args:
        ranked: Pieces, best first.

    Returns:
        (left, right); pairs with the same union by the ranks of left and right.
    """
    rank = {piece: i for i, piece in enumerate(ranked)}
    merges: list[tuple[Piece, Piece]] = []
    for piece in ranked:
        pairs = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        known = [(left, right) for left, right in pairs if left in rank and right in rank]
        known.sort(key=lambda pair: (rank[pair[0]], rank[pair[1]]))
        merges.extend(known)
    return merges
