"""Files of tiktoken: a line has a token in base64 and its rank.

Pattern and special tokens are not in the file; the encoding that it is named after fixes them.
https://github.com/openai/tiktoken (tiktoken/load.py, tiktoken_ext/openai_public.py)
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from tokit.errors import ArtifactError
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.byte_alphabet import byte_alphabet
from tokit.tokenizer.formats.base import TokenizerFormat, from_library, make_byte_level, read_bytes
from tokit.tokenizer.formats.ranked_merges import merges_of_ranks

FIM = {"<|fim_prefix|>": 1, "<|fim_middle|>": 2, "<|fim_suffix|>": 3}
# Encoding → name of its pattern, and its special tokens with their ids.
ENCODINGS: dict[str, tuple[str, dict[str, int]]] = {
    "cl100k_base": (
        "cl100k",
        {"<|endoftext|>": 100257, **{text: 100257 + n for text, n in FIM.items()}, "<|endofprompt|>": 100276},
    ),
    "o200k_base": ("o200k", {"<|endoftext|>": 199999, "<|endofprompt|>": 200018}),
    "r50k_base": ("gpt2", {"<|endoftext|>": 50256}),
    "p50k_base": ("gpt2", {"<|endoftext|>": 50256}),
}


class TiktokenRanks(TokenizerFormat):
    """Ranks of byte-level BPE, in a file named after its encoding."""

    origin = "tiktoken"
    files = "*.tiktoken"

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.suffix == ".tiktoken"

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        from tokenizers import Tokenizer as Library
        from tokenizers import models

        pattern, specials = encoding_of(path)
        ranks = read_ranks(path)
        vocab = {_in_alphabet(piece): rank for piece, rank in ranks.items()}
        pairs = merges_of_ranks(sorted(ranks, key=lambda piece: ranks[piece]))
        merges = [(_in_alphabet(left), _in_alphabet(right)) for left, right in pairs]
        # tiktoken gives a pre-token that is in the vocabulary its own id, even where merges would not reach it.
        library = Library(models.BPE(vocab={**vocab, **specials}, merges=merges, ignore_merges=True))
        make_byte_level(library, pattern)
        return from_library(library, path, family="bpe", origin=cls.origin, specials=list(specials))


def encoding_of(path: Path) -> tuple[str, dict[str, int]]:
    """Name of the pattern, and special tokens with their ids, by the file's name.

    Raises:
        ArtifactError: the file is not named after a known encoding.
    """
    if path.stem not in ENCODINGS:
        raise ArtifactError(
            f"{path}: a .tiktoken file holds no pattern, and '{path.stem}' is not a known encoding",
            hint=f"name the file after its encoding: {', '.join(ENCODINGS)}",
        )
    return ENCODINGS[path.stem]


def read_ranks(path: Path) -> dict[bytes, int]:
    """Token → rank.

    Raises:
        ArtifactError: a line is not a token in base64 and a number.
    """
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(read_bytes(path).splitlines(), 1):
        if not line:
            continue
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except (ValueError, binascii.Error) as error:
            raise ArtifactError(f"{path}:{number}: not a token and its rank", hint="fetch the file again") from error
    return ranks


def _in_alphabet(piece: bytes) -> str:
    alphabet = byte_alphabet()
    return "".join([alphabet[byte] for byte in piece])
