"""Lookup of a text among the tokens of an embedding, for words and for pieces of another tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

# Ids of a text after a space, and without one.
Spellings = tuple[list[int], list[int]]


def word_spellings(words: Iterable[str]) -> list[tuple[str, str]]:
    """Each word after a space, as most words of a text are, and without one."""
    return [(f" {word}", word) for word in words]


def encode_spellings(tokenizer: LibraryTokenizer, spellings: Sequence[tuple[str, str]]) -> list[Spellings]:
    """Ids of both spellings of each text."""
    ids = tokenizer.encode_batch([text for both in spellings for text in both]).lists()
    return list(zip(ids[::2], ids[1::2], strict=True))


def whole_token(spellings: Spellings, known: npt.NDArray[np.bool_]) -> int | None:
    """Token of a text, by the first spelling that is a single known token; None if neither is."""
    for ids in spellings:
        if len(ids) == 1 and known[ids[0]]:
            return ids[0]
    return None
