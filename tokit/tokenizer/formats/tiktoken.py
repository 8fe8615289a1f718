"""Files of tiktoken: a line has a token in base64 and its rank.

Pattern and special tokens are not in the file: `rank_encodings.py` knows those of published ones.
https://github.com/openai/tiktoken (tiktoken/load.py)
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tokit.errors import ArtifactError
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.byte_alphabet import byte_alphabet
from tokit.tokenizer.formats.base import TokenizerFormat, from_library, make_byte_level, read_bytes
from tokit.tokenizer.formats.rank_encodings import Encoding, encoding_of
from tokit.tokenizer.formats.ranked_merges import merges_of_ranks

if TYPE_CHECKING:
    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

# Ids are signed numbers of 32 bits in most readers.
MAX_ID = (1 << 31) - 1
LINE_OF_RANKS = re.compile(rb"[A-Za-z0-9+/]+={0,2} [0-9]+\r?\n")


class TiktokenRanks(TokenizerFormat):
    """Ranks of byte-level BPE; Llama 3 and 4 have them as `tokenizer.model`."""

    origin = "tiktoken"
    files = "*.tiktoken"

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.suffix == ".tiktoken"

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        from tokit.storage.folder import sha256_file

        ranks = read_ranks(path)
        encoding, notes = encoding_of(path, len(ranks), sha256_file(path))
        tokenizer = tokenizer_of_ranks(ranks, encoding, path, cls.origin)
        tokenizer.notes = (*notes, *tokenizer.notes)
        return tokenizer


def tokenizer_of_ranks(ranks: Mapping[bytes, int], encoding: Encoding, path: Path, origin: str) -> LibraryTokenizer:
    """A byte-level BPE that merges by rank.

    Args:
        ranks: Token → id; smaller ids merge first.
        encoding: Pattern and special tokens.
        path: The file that they are from.
        origin: Its format.

    Raises:
        ArtifactError: a byte has no rank, or a special token takes the id of another token.
    """
    from tokenizers import Tokenizer as Library
    from tokenizers import models, normalizers

    _check(ranks, encoding, path)
    vocab = {_in_alphabet(piece): rank for piece, rank in ranks.items()}
    pairs = merges_of_ranks(sorted(ranks, key=lambda piece: ranks[piece]))
    merges = [(_in_alphabet(left), _in_alphabet(right)) for left, right in pairs]
    # tiktoken gives a pre-token that is in the vocabulary its own id, even where merges would not reach it.
    library = Library(models.BPE(vocab={**vocab, **encoding.special}, merges=merges, ignore_merges=True))
    make_byte_level(library, encoding.pattern)
    if encoding.nfc:
        library.normalizer = normalizers.NFC()
    _check_special(library, encoding, path)
    return from_library(library, path, family="bpe", origin=origin, specials=list(encoding.special))


def _check(ranks: Mapping[bytes, int], encoding: Encoding, path: Path) -> None:
    absent = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if absent:
        raise ArtifactError(f"{path}: byte 0x{absent[0]:02X} has no rank", hint="fetch the file again")
    ids: dict[int, str | bytes] = {}
    tokens: list[tuple[str | bytes, int]] = [*ranks.items(), *encoding.special.items()]
    for token, i in tokens:
        if i > MAX_ID:
            raise ArtifactError(f"{path}: {token!r} has the id {i}", hint=f"an id is at most {MAX_ID}")
        if ids.setdefault(i, token) != token:
            raise ArtifactError(f"{path}: {token!r} and {ids[i]!r} have the id {i}", hint="give each an id of its own")


def _check_special(library: object, encoding: Encoding, path: Path) -> None:
    """Refuse a pattern that keeps the text of a special token whole: its id would stand for ordinary text."""
    from tokit.tokenizer.special_tokens import guard

    splitter = library.pre_tokenizer  # type: ignore[attr-defined]
    if guard([splitter], list(encoding.special)) is not None:
        raise ArtifactError(
            f"{path}: its pattern does not split the text of its special tokens", hint="use the model's tokenizer.json"
        )


def holds_ranks(data: bytes) -> bool:
    """True if the content of a file begins as ranks of tiktoken do."""
    return LINE_OF_RANKS.match(data) is not None


def read_ranks(path: Path) -> dict[bytes, int]:
    """Token → rank.

    Raises:
        ArtifactError: a line is not a token in base64 and a number, or a token or rank is there twice.
    """
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(read_bytes(path).splitlines(), 1):
        if not line:
            continue
        try:
            token, rank = line.split()
            piece = base64.b64decode(token, validate=True)
            ranks[piece] = int(rank)
        except (ValueError, binascii.Error) as error:
            raise ArtifactError(f"{path}:{number}: not a token and its rank", hint="fetch the file again") from error
    # Whisper's multilingual ranks have a token without bytes, which nothing gives.
    return ranks


def _in_alphabet(piece: bytes) -> str:
    alphabet = byte_alphabet()
    return "".join([alphabet[byte] for byte in piece])
