"""One class in front of every tokenizer, own or foreign.

Text that looks like a special token is ordinary text unless `parse_special` is asked for; a caller that forgets this
for untrusted text lets the text forge the end of a document.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tokit.arrays import Block, Ids, Pieces
from tokit.tokenizer.special_tokens import UNKNOWN


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How to encode.

    Attributes:
        add_special: Add the tokens of the post-processing template (`[CLS] … [SEP]`).
        parse_special: Read the text of a special token as that token.
        max_length: Cut each document to this many tokens, those of the template included.
    """

    add_special: bool = False
    parse_special: bool = False
    max_length: int | None = None


PLAIN = EncodeOptions()


@dataclass(frozen=True, slots=True)
class Identity:
    """What a tokenizer is, apart from its engine.

    Attributes:
        family: "bpe", "wordpiece", …; for a foreign one the model type of its file.
        origin: "tokit" or the format it was read from.
        sha256: Of the file that defines it: tokenizer.json or the SentencePiece model.
        special_ids: Role → id.
        lossy_because: Why decoding may not give the text back; empty when it always does.
    """

    family: str
    origin: str
    sha256: str
    special_ids: dict[str, int]
    lossy_because: str


class Tokenizer(ABC):
    """Text ↔ ids.

    >>> tokenizer = tokit.load_tokenizer("tok")
    >>> tokenizer.decode(tokenizer.encode("hello world"))
    'hello world'
    """

    identity: Identity

    @property
    def family(self) -> str:
        """The family's name."""
        return self.identity.family

    @property
    def sha256(self) -> str:
        """The hash that shards and embeddings name this tokenizer by."""
        return self.identity.sha256

    @property
    def special_ids(self) -> dict[str, int]:
        """Role → id of the special tokens that it has."""
        return self.identity.special_ids

    @property
    def unknown_id(self) -> int | None:
        """The id of the unknown token, if there is one."""
        return self.special_ids.get(UNKNOWN)

    @property
    def lossless(self) -> bool:
        """Whether decoding gives every UTF-8 text back."""
        return not self.identity.lossy_because

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """The largest id plus one."""

    @abstractmethod
    def encode_batch(self, texts: Sequence[str], options: EncodeOptions = PLAIN) -> list[list[int]]:
        """Ids of each text."""

    @abstractmethod
    def decode_batch(self, ids: Sequence[Sequence[int]], *, skip_special: bool = False) -> list[str]:
        """Text of each list of ids.

        The ids must lie below `vocab_size`: the engines drop or refuse others each in their own way.
        """

    @abstractmethod
    def offsets_batch(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """(start, end) in characters of the text, for each token that plain encoding gives."""

    @abstractmethod
    def save_files(self, folder: Path) -> None:
        """Write the files from which `load_tokenizer(folder)` and transformers load this tokenizer."""

    @abstractmethod
    def _names(self) -> list[str]:
        """The token of each id as its file writes it; "" where an id is unused."""

    @abstractmethod
    def _texts(self, names: list[str]) -> list[str]:
        """The text that each token contributes."""

    @cached_property
    def pieces(self) -> Pieces:
        """What each id stands for."""
        import numpy as np

        names = self._names()
        special = np.zeros(len(names), dtype=np.bool_)
        special[[i for i in self._all_special_ids() if i < len(names)]] = True
        return Pieces(tuple(names), tuple(self._texts(names)), special, self.unknown_id)

    def _all_special_ids(self) -> list[int]:
        return sorted(self.special_ids.values())

    def encode(self, text: str, options: EncodeOptions = PLAIN) -> list[int]:
        """Ids of a text."""
        return self.encode_batch([text], options)[0]

    def decode(self, ids: Sequence[int], *, skip_special: bool = False) -> str:
        """Text of a list of ids."""
        return self.decode_batch([ids], skip_special=skip_special)[0]

    def decode_block(self, ids: Ids, separator: bytes, *, skip_special: bool = False) -> bytes:
        """The text of each document with a separator behind it; the ids must lie below `vocab_size`."""
        texts = self.decode_batch(ids.lists(), skip_special=skip_special)
        return b"".join([text.encode("utf-8") + separator for text in texts])

    def encode_block(self, block: Block, options: EncodeOptions = PLAIN) -> Ids:
        """Ids of each document of a block."""
        return Ids.of(self.encode_batch(block.texts(), options))
