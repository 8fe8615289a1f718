"""Merges of ranked vocabularies join as tiktoken does."""

from __future__ import annotations

import random

import pytest

from tokit.tokenizer.formats.ranked_merges import merges_of_ranks


def test_merges_of_ranks_join_as_tiktoken_does() -> None:
    """Random tables over two letters, where nearly every piece can be made in several ways."""
    tiktoken = pytest.importorskip("tiktoken")
    from tokenizers import Tokenizer as Library
    from tokenizers import models

    draw = random.Random(0)
    letters = [bytes([byte]) for byte in range(256)]
    for _ in range(120):
        pieces = [b"a", b"b"]
        for _ in range(draw.randint(1, 25)):
            piece = draw.choice(pieces) + draw.choice(pieces)
            if piece not in pieces and len(piece) < 12:
                pieces.append(piece)
        ranked = [*letters, *draw.sample(pieces[2:], len(pieces) - 2)]
        ranks = {piece: rank for rank, piece in enumerate(ranked)}
        theirs = tiktoken.Encoding("t", pat_str=r"(?s:.+)", mergeable_ranks=ranks, special_tokens={})
        vocab = {piece.decode("latin-1"): rank for piece, rank in ranks.items()}
        merges = [(left.decode("latin-1"), right.decode("latin-1")) for left, right in merges_of_ranks(ranked)]
        ours = Library(models.BPE(vocab=vocab, merges=merges, ignore_merges=True))
        for _ in range(20):
            text = "".join(draw.choices("ab", k=draw.randint(1, 40)))
            assert ours.encode(text).ids == theirs.encode_ordinary(text), (text, ranked[256:])


def test_merges_of_ranks_hold_every_split() -> None:
    assert merges_of_ranks(["a", "b", "ab", "aba", "ba"]) == [("a", "b"), ("a", "ba"), ("ab", "a"), ("b", "a")]
    assert merges_of_ranks([b"a", b"aa", b"aaa"]) == [(b"a", b"a"), (b"a", b"aa"), (b"aa", b"a")]
