"""The one interface of every tokenizer, tokit's own or another tool's.

The text of a special token is ordinary text unless `parse_special` is set; never set it for untrusted text, which could
then forge the end of a document.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tokit.arrays import Block, IdArray, Ids, Pieces
from tokit.errors import UsageError
from tokit.tokenizer.special_tokens import UNKNOWN

if TYPE_CHECKING:
    from tokit.tokenizer.encode.batch import TextBatch
    from tokit.tokenizer.encode.decode_stream import DecodeStream


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """Options of encoding.

    Attributes:
        add_special: Add the tokens of the post-processing template (`[CLS] … [SEP]`).
        parse_special: Encode the text of a special token as that token.
        max_length: Truncate each document to this number of tokens, those of the template included.
    """

    add_special: bool = False
    parse_special: bool = False
    max_length: int | None = None


PLAIN = EncodeOptions()


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text, or a pair of texts, as the library encodes it.

    Attributes:
        ids: Ids, those of the template included.
        offsets: (start, end) of each token in characters of its text; (0, 0) for tokens of the template.
        types: Number of the text that each token is from, 0 or 1.
        truncated: True for a pair that was longer than allowed.
    """

    ids: list[int]
    offsets: list[tuple[int, int]]
    types: list[int]
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Description of a tokenizer, known without loading its library.

    Attributes:
        family: "bpe", "wordpiece", …; for a foreign one the model type of its file.
        origin: "tokit" or the format that it was read from.
        sha256: Hash of the file that defines it: tokenizer.json or the SentencePiece model.
        special_ids: Role → id.
        lossy_because: Reason why decoding may not give the text back; empty if it always does.
        source: Name and commit on the Hub, "hf://ORG/NAME@COMMIT"; empty for one that was opened by its path.
    """

    family: str
    origin: str
    sha256: str
    special_ids: dict[str, int]
    lossy_because: str
    source: str = ""


class Tokenizer(ABC):
    """Text ↔ ids.

    >>> tokenizer = tokit.load_tokenizer("tok")
    >>> tokenizer.decode(tokenizer.encode("hello world"))
    'hello world'

    Attributes:
        identity: Family, origin, hash and special tokens.
        chat_templates: Name → Jinja template for conversations; empty if it has none.
        path: Where it was opened, for messages; empty for one that was made here.
        notes: Assumptions about a foreign tokenizer whose files do not say everything, one sentence each.
    """

    identity: Identity
    path: str = ""
    notes: tuple[str, ...] = ()
    chat_templates: Mapping[str, str] = MappingProxyType({})

    @property
    def family(self) -> str:
        """Name of the family."""
        return self.identity.family

    @property
    def sha256(self) -> str:
        """The hash by which shards and embeddings identify this tokenizer."""
        return self.identity.sha256

    @property
    def special_ids(self) -> dict[str, int]:
        """Role → id of the special tokens."""
        return self.identity.special_ids

    @property
    def unknown_id(self) -> int | None:
        """Id of the unknown token, if there is one."""
        return self.special_ids.get(UNKNOWN)

    @property
    def lossless(self) -> bool:
        """True if decoding gives back every UTF-8 text."""
        return not self.identity.lossy_because

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """The largest id plus one."""

    @abstractmethod
    def library_ids(self, texts: Sequence[str], options: EncodeOptions = PLAIN) -> list[list[int]]:
        """Ids of each text as its own library gives them: what the kernels are held against."""

    @abstractmethod
    def decode_batch(self, ids: Sequence[Sequence[int]], *, skip_special: bool = False) -> list[str]:
        """Text of each list of ids.

        The ids must be below `vocab_size`: libraries differ in whether they drop or refuse others.
        """

    @abstractmethod
    def encode_with_offsets(self, texts: Sequence[str], options: EncodeOptions = PLAIN) -> list[EncodedText]:
        """Ids of each text and the place of each token in it, as its own library gives them."""

    def count_dropped(self, texts: Sequence[str]) -> int:  # noqa: ARG002
        """Number of characters of these texts for which there is no token, not even the unknown one."""
        return 0

    def encode_pairs(self, pairs: Sequence[tuple[str, str]], options: EncodeOptions) -> list[EncodedText]:  # noqa: ARG002
        """Encode pairs of texts in the template for pairs; the longer text is truncated first.

        Raises:
            UsageError: the tokenizer has no template for pairs.
        """
        raise UsageError(f"{self.path}: no template for pairs of texts", hint="use one with a tokenizer.json")

    def offsets_batch(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """(start, end) in characters of the text, for each token of plain encoding."""
        return [encoded.offsets for encoded in self.encode_with_offsets(texts)]

    @abstractmethod
    def save_files(self, folder: Path) -> None:
        """Write the files from which `load_tokenizer(folder)` and transformers load this tokenizer."""

    @abstractmethod
    def _names(self) -> list[str]:
        """The token of each id as it stands in the file; "" where an id is unused."""

    @abstractmethod
    def _texts(self, names: list[str]) -> list[str]:
        """The text that each token contributes to a decoded document."""

    @cached_property
    def pieces(self) -> Pieces:
        """Name and text of each id, and which ids are special."""
        import numpy as np

        names = self._names()
        special = np.zeros(len(names), dtype=np.bool_)
        special[[i for i in self._all_special_ids() if i < len(names)]] = True
        return Pieces(tuple(names), tuple(self._texts(names)), special, self.unknown_id)

    @cached_property
    def unused_ids(self) -> IdArray:
        """Ids below `vocab_size` that no token has, ascending."""
        import numpy as np

        return np.flatnonzero([not name for name in self.pieces.names]).astype(np.uint32)

    def _all_special_ids(self) -> list[int]:
        return sorted(self.special_ids.values())

    def encode(self, text: str, options: EncodeOptions = PLAIN) -> list[int]:
        """Ids of a text.

        Raises:
            UsageError: a lone surrogate in the text.
        """
        return self.encode_batch([text], options).lists()[0]

    def encode_batch(
        self,
        texts: Sequence[str],
        options: EncodeOptions = PLAIN,
        *,
        pairs: Sequence[str] | None = None,
        truncation: int | None = None,
        padding: str | int | None = None,
        offsets: bool = False,
    ) -> TextBatch:
        """Encode many texts into arrays: in the kernels where they know the tokenizer, on all threads.

        >>> batch = tokit.load_tokenizer("tok").encode_batch(["hello world", ""])
        >>> len(batch), batch[1].tolist()
        (2, [])

        Args:
            texts: The texts.
            options: Special tokens, length.
            pairs: The second text of each pair, in the template for pairs; through the library.
            truncation: Truncate each text, or pair, to this number of tokens; the same as `options.max_length`.
            padding: "longest", or a number of tokens: the batch has `input_ids` and `attention_mask` too.
            offsets: The batch has the place of each token in its text; through the library.

        Returns:
            `data` has all ids, uint32; `ends` the exclusive end of each text in it, int64, shape (texts,). `batch[i]`
            is a view of one text, `batch.lists()` gives lists.

        Raises:
            UsageError: a lone surrogate in a text, which no UTF-8 has; another number of pairs than of texts; padding
                to fewer tokens than a text has, or without a pad token.
        """
        from tokit.tokenizer.encode.text_batch import encode_text_batch

        if truncation is not None:
            options = replace(options, max_length=truncation)
        return encode_text_batch(self, texts, options, pairs=pairs, padding=padding, offsets=offsets)

    def decode_stream(self, *, skip_special: bool = False) -> DecodeStream:
        """A decoder that takes ids one by one and never breaks a character.

        >>> stream = tokenizer.decode_stream()
        >>> "".join(stream.push(i) for i in tokenizer.encode("hello world")) + stream.finish()
        'hello world'
        """
        from tokit.tokenizer.encode.decode_stream import DecodeStream

        return DecodeStream(self, skip_special=skip_special)

    def as_hf(self) -> Any:
        """A fast tokenizer of transformers with these files, which encodes batches of texts in the kernels.

        >>> tokenizer = tokit.load_tokenizer("tok").as_hf()
        >>> tokenizer(["hello world", "hi"], padding=True)["attention_mask"]
        [[1, 1], [1, 0]]

        Raises:
            MissingExtraError: transformers is not installed.
        """
        from tokit.tokenizer.transformers_tokenizer import transformers_tokenizer

        return transformers_tokenizer(self)

    def decode(self, ids: Sequence[int], *, skip_special: bool = False) -> str:
        """Text of a list of ids."""
        return self.decode_batch([ids], skip_special=skip_special)[0]

    def decode_block(self, ids: Ids, separator: bytes, *, skip_special: bool = False) -> bytes:
        """The text of each document, followed by a separator; the ids must be below `vocab_size`."""
        texts = self.decode_batch(ids.lists(), skip_special=skip_special)
        return b"".join([text.encode("utf-8") + separator for text in texts])

    def decode_documents(self, ids: Ids) -> Block:
        """The text of each document as a block; the ids must be below `vocab_size`."""
        return Block.of(text.encode("utf-8") for text in self.decode_batch(ids.lists()))

    def encode_block(self, block: Block, options: EncodeOptions = PLAIN) -> Ids:
        """Ids of each document of a block."""
        return Ids.of(self.library_ids(block.texts(), options))

    def encode_documents(self, block: Block, options: EncodeOptions = PLAIN) -> tuple[Block, Ids]:
        """A block and the ids of its documents."""
        return block, self.encode_block(block, options)
