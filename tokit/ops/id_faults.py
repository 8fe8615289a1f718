"""Ids that a tokenizer does not have: outside its vocabulary, or in a gap of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tokit.arrays import Ids, Mask
from tokit.errors import IdsError
from tokit.tokenizer.base import Tokenizer

# Makes the place of a document and a position in it, both counted from 1, for a message.
Place = Callable[[int, int], str]


def outside(where: str, word: str, vocab_size: int) -> IdsError:
    """The error for an id that is too large."""
    return IdsError(
        f"{where}: id {word} is outside the vocabulary of {vocab_size:,}",
        hint="were the ids made by another tokenizer?",
    )


def refuse_foreign(ids: Ids, tokenizer: Tokenizer, place: Place) -> None:
    """Refuse ids outside the vocabulary or in a gap of it.

    Raises:
        IdsError: there is one.
    """
    large = ids.data >= tokenizer.vocab_size
    if large.any():
        raise outside(_where(ids, large, place), str(ids.data[np.argmax(large)]), tokenizer.vocab_size)
    refuse_unused(ids, tokenizer, place)


def refuse_unused(ids: Ids, tokenizer: Tokenizer, place: Place) -> None:
    """Refuse ids that no token has: they would decode to nothing.

    Raises:
        IdsError: there is one.
    """
    unused = tokenizer.unused_ids
    if not len(unused):
        return
    gaps = np.isin(ids.data, unused)
    if gaps.any():
        raise IdsError(
            f"{_where(ids, gaps, place)}: id {ids.data[np.argmax(gaps)]} is of no token, in a gap of the vocabulary",
            hint="were the ids made by another tokenizer?",
        )


def _where(ids: Ids, faulty: Mask, place: Place) -> str:
    at = int(np.argmax(faulty))
    document = int(np.searchsorted(ids.ends, at, side="right"))
    return place(document + 1, at - int(ids.ends[document - 1] if document else 0) + 1)
