"""Tokens that are added to a vocabulary get ids after the largest, never one that is taken.

The library numbers new tokens from the number of tokens. Where ids have gaps or start at 1, that number is the id of a
real token. So gaps are closed first, with tokens that no text gives.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tokit.errors import ArtifactError

if TYPE_CHECKING:
    import tokenizers

# Beyond this the vocabulary is no table of ids.
MOST_GAPS = 1_000_000


def add_tokens(library: tokenizers.Tokenizer, tokens: Sequence[tokenizers.AddedToken]) -> tokenizers.Tokenizer:
    """A copy of a tokenizer of the library with tokens added; those that it has already become what is given.

    Raises:
        ArtifactError: a new token would get an id that is taken, or the ids are too far apart.
    """
    import tokenizers

    taken = library.get_vocab(with_added_tokens=True)
    largest = max(taken.values(), default=-1)
    new = {token.content for token in tokens} - taken.keys()
    copy = tokenizers.Tokenizer.from_str(_with_gaps_closed(library) if new else library.to_str())
    copy.add_tokens(list(tokens))
    for text in new:
        i = copy.token_to_id(text)
        if i is None or i <= largest:
            raise ArtifactError(
                f"special token '{text}' would get the id {i}, which is taken",
                hint="number the tokens of the vocabulary without gaps, and save it again",
            )
    return copy


def _with_gaps_closed(library: tokenizers.Tokenizer) -> str:
    """The tokenizer.json of a tokenizer, with a token for each unused id of its model."""
    text: str = library.to_str()
    present = set(library.get_vocab(with_added_tokens=False).values())
    largest = max(present, default=-1)
    if len(present) > largest:
        return text
    spec = json.loads(text)
    # The vocabulary of a unigram is a list: its ids are places.
    if isinstance(spec["model"]["vocab"], dict):
        _close_gaps(spec["model"]["vocab"], largest)
    return json.dumps(spec, ensure_ascii=False)


def _close_gaps(vocab: dict[str, Any], largest: int) -> None:
    if largest + 1 - len(vocab) > MOST_GAPS:
        raise ArtifactError(
            f"the vocabulary has {len(vocab):,} tokens and ids up to {largest:,}",
            hint="number its tokens without gaps, and save it again",
        )
    for i in sorted(set(range(largest + 1)).difference(vocab.values())):
        # No pre-tokenizer that splits at spaces gives such a word.
        text = f"<|gap {i}|>"
        while text in vocab:
            text += " "
        vocab[text] = i
