"""How a text is found among the tokens of an embedding: one rule for words and for the pieces of another tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

# The ids of a text as it stands after a space, and as it stands alone.
Spellings = tuple[list[int], list[int]]


def word_spellings(words: Iterable[str]) -> list[tuple[str, str]]:
    """A word as it stands after a space, which is how most words stand in a text, and as it stands alone."""
    return [(f" {word}", word) for word in words]


def spelled(tokenizer: LibraryTokenizer, spellings: Sequence[tuple[str, str]]) -> list[Spellings]:
    """The ids of both spellings of each text."""
    ids = tokenizer.encode_batch([text for both in spellings for text in both])
    return list(zip(ids[::2], ids[1::2], strict=True))


def whole_token(spellings: Spellings, known: npt.NDArray[np.bool_]) -> int | None:
    """The token that a text is, by the first spelling that is one; None when it is none, or only its pieces."""
    for ids in spellings:
        if len(ids) == 1 and known[ids[0]]:
            return ids[0]
    return None
