"""Characters that a tokenizer drops: a BPE without an unknown token gives none for what its vocabulary lacks.

No id shows where they were, so they are counted in a copy of the tokenizer that has an unknown token.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import tokenizers

from tokit.tokenizer.tokenizer_json import Spec, drops_characters

# Private-use characters, so that no text is read as this token.
UNKNOWN = "\U0010fffd" * 8
DROPS = "it has no unknown token, so characters outside its vocabulary are dropped"


def note_on_drops(spec: Spec) -> tuple[str, ...]:
    """A note if a tokenizer drops characters."""
    return (DROPS,) if drops_characters(spec) else ()


class DropCounter:
    """Counts the characters that a tokenizer drops.

    Args:
        spec: Its tokenizer.json.
        size: The largest id plus one.
    """

    def __init__(self, spec: Spec, size: int) -> None:
        model = spec["model"]
        # Single unknown characters are one token each. The merges that dropping makes possible do not matter here.
        model = {**model, "vocab": {**model["vocab"], UNKNOWN: size}, "unk_token": UNKNOWN, "fuse_unk": False}
        self._library = tokenizers.Tokenizer.from_str(json.dumps({**spec, "model": model}))
        self._library.no_truncation()
        self._library.no_padding()
        self._library.encode_special_tokens = True
        self._unknown = size

    def count(self, texts: Sequence[str]) -> int:
        """Number of characters of these texts that give no token; of a byte-level tokenizer, of bytes."""
        encodings = self._library.encode_batch_fast(texts, add_special_tokens=False)
        return sum(encoding.ids.count(self._unknown) for encoding in encodings)
