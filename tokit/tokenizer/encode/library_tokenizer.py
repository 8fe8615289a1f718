"""Tokenizers that run in the Hugging Face `tokenizers` library, from a `tokenizer.json`.

All families of tokit do, and most foreign formats are converted to it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers

from tokit.arrays import Block, IdArray, Ids
from tokit.errors import ArtifactError
from tokit.text.library_failures import is_library_failure, library_opens, panics_held_back, run_library
from tokit.tokenizer.base import PLAIN, EncodedText, EncodeOptions, Identity, Tokenizer
from tokit.tokenizer.encode.dropped_characters import DropCounter
from tokit.tokenizer.encode.kernel_choice import KernelChoice
from tokit.tokenizer.tokenizer_json import drops_characters, is_complete, piece_texts


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """Facts about a tokenizer that are known without its library.

    Attributes:
        vocab_size: The largest id plus one.
        special_texts: Role → text.
    """

    vocab_size: int
    special_texts: dict[str, str]


class LibraryTokenizer(Tokenizer):
    """A tokenizer that runs in the `tokenizers` library, and faster in kernels.

    Args:
        library: The library's tokenizer, whose truncation and padding are switched off; or a function that loads it
            when it is first needed, as kernels may do all of the work.
        identity: Its identity.
        config: Content of its tokenizer_config.json; None for tokit's own.
        source: The tokenizer.json that it was read from; None serializes the library's tokenizer.
        known: Facts that the library need not be loaded for.
    """

    def __init__(
        self,
        library: tokenizers.Tokenizer | Callable[[], tokenizers.Tokenizer],
        identity: Identity,
        config: dict[str, Any] | None = None,
        source: bytes | None = None,
        known: KnownFacts | None = None,
    ) -> None:
        self._library = library
        self.identity = identity
        self.config = config
        self._source = source
        self._known = known
        # Options are set on the library's tokenizer itself, so one thread at a time may use it.
        self._lock = threading.Lock()
        self._kernels = KernelChoice(self, self._lock)

    @cached_property
    def library(self) -> tokenizers.Tokenizer:
        """The library's tokenizer.

        Raises:
            ArtifactError: its file is damaged.
        """
        library = self._library() if callable(self._library) else self._library
        library.no_truncation()
        library.no_padding()
        return library

    @cached_property
    def vocab_size(self) -> int:
        if self._known is not None:
            return self._known.vocab_size
        # The largest id, not the number of tokens: a foreign vocabulary may have gaps.
        return 1 + max(self.library.get_vocab(with_added_tokens=True).values(), default=-1)

    def library_ids(self, texts: Sequence[str], options: EncodeOptions = PLAIN) -> list[list[int]]:
        def encode(part: Sequence[str]) -> list[tokenizers.Encoding]:
            return self._configured(options).encode_batch_fast(part, add_special_tokens=options.add_special)

        with self._lock:
            encodings = run_library(encode, texts, self.path)
        return [encoding.ids for encoding in encodings]

    def encode_with_offsets(self, texts: Sequence[str], options: EncodeOptions = PLAIN) -> list[EncodedText]:
        return [EncodedText(found.ids, found.offsets, found.type_ids) for found in self._encodings(texts, options)]

    def encode_pairs(self, pairs: Sequence[tuple[str, str]], options: EncodeOptions) -> list[EncodedText]:
        encodings = self._encodings(pairs, options)
        # `overflowing` is expensive for long texts, so it is read only where something may have been truncated.
        return [
            EncodedText(
                found.ids, found.offsets, found.type_ids, len(found) == options.max_length and bool(found.overflowing)
            )
            for found in encodings
        ]

    def count_dropped(self, texts: Sequence[str]) -> int:
        return 0 if self._drops is None else run_library(self._drops.count, texts, self.path)

    @cached_property
    def _drops(self) -> DropCounter | None:
        # The families of tokit all have a token for what they do not know, or know all bytes.
        if self.identity.origin == "tokit":
            return None
        spec = self.specification()
        return DropCounter(spec, self.vocab_size) if drops_characters(spec) else None

    def _encodings(self, inputs: Sequence[Any], options: EncodeOptions) -> list[tokenizers.Encoding]:
        """Texts, or pairs of texts, encoded in the library."""

        def encode(part: Sequence[Any]) -> list[tokenizers.Encoding]:
            return self._configured(options).encode_batch(list(part), add_special_tokens=options.add_special)

        with self._lock:
            return run_library(encode, inputs, self.path)

    def encode_block(self, block: Block, options: EncodeOptions = PLAIN) -> Ids:
        encoder = self._kernels.encoder(block)
        if encoder is None:
            return super().encode_block(block, options)
        try:
            with panics_held_back():
                return encoder.encode(block, options)
        except BaseException as error:
            if not is_library_failure(error):
                raise
            # The library's normalizer failed on some document: the library alone can say on which.
            return super().encode_block(block, options)

    def release(self) -> None:
        """Free the memory that fast encoding takes; it is taken again when there is more text."""
        self._kernels.release()

    def decode_batch(self, ids: Sequence[Sequence[int]], *, skip_special: bool = False) -> list[str]:
        def decode(part: Sequence[Sequence[int]]) -> list[str]:
            return list(self.library.decode_batch(part, skip_special_tokens=skip_special))

        return run_library(decode, ids, self.path)

    def decode_block(self, ids: Ids, separator: bytes, *, skip_special: bool = False) -> bytes:
        decoder = self._kernels.decoder(ids)
        text = None if decoder is None else decoder.decode(ids, separator, skip_special=skip_special)
        return super().decode_block(ids, separator, skip_special=skip_special) if text is None else text

    def decode_documents(self, ids: Ids) -> Block:
        decoder = self._kernels.decoder(ids)
        block = None if decoder is None else decoder.decode_documents(ids)
        return super().decode_documents(ids) if block is None else block

    def save_files(self, folder: Path) -> None:
        from tokit.tokenizer.chat.template_files import write_chat_templates
        from tokit.tokenizer.tokenizer_folder import write_library_files

        # The library rounds unigram scores when it writes them again: a copy keeps the bytes that the hash is of.
        source = library_json(self.library).encode("utf-8") if self._source is None else self._source
        write_library_files(source, folder, self.special_texts(), config=self.config)
        write_chat_templates(self.chat_templates, folder)

    def special_texts(self) -> dict[str, str]:
        """Role → text of the special tokens."""
        if self._known is not None:
            return self._known.special_texts
        return {role: str(self.library.id_to_token(i)) for role, i in self.special_ids.items()}

    @cached_property
    def unused_ids(self) -> IdArray:
        # Most vocabularies have no gap, and the names of all tokens take long to ask for.
        if self.identity.origin == "tokit" or self.library.get_vocab_size(with_added_tokens=True) == self.vocab_size:
            return np.empty(0, dtype=np.uint32)
        return super().unused_ids

    def specification(self) -> dict[str, Any]:
        """Content of its tokenizer.json; if a foreign file lacks keys, as the library would write it."""
        parsed: dict[str, Any] = json.loads(self.library.to_str() if self._source is None else self._source)
        return parsed if is_complete(parsed) else dict(json.loads(self.library.to_str()))

    def _names(self) -> list[str]:
        names = [""] * self.vocab_size
        for token, i in self.library.get_vocab(with_added_tokens=True).items():
            names[i] = token
        return names

    def _texts(self, names: list[str]) -> list[str]:
        return piece_texts(names, self.specification())

    def _all_special_ids(self) -> list[int]:
        added = self.library.get_added_tokens_decoder()
        return sorted(i for i, token in added.items() if token.special)

    def _configured(self, options: EncodeOptions) -> tokenizers.Tokenizer:
        self.library.encode_special_tokens = not options.parse_special
        self._truncate(options)
        return self.library

    def _truncate(self, options: EncodeOptions) -> None:
        # The library panics when the template alone is longer than the limit.
        if options.max_length is not None and self.room(options) is not None:
            self.library.enable_truncation(options.max_length)
        elif self.library.truncation is not None:
            self.library.no_truncation()

    def room(self, options: EncodeOptions) -> int | None:
        """Number of tokens that a document may have besides those of the template; None if there is no limit.

        Raises:
            ArtifactError: the template alone is longer than the limit.
        """
        if options.max_length is None:
            return None
        template = self.library.num_special_tokens_to_add(False) if options.add_special else 0
        if options.max_length < template:
            raise ArtifactError(
                f"--max-length {options.max_length} is below the {template} tokens of the template",
                hint=f"pass {template} or more, or omit --add-special",
            )
        return options.max_length - template

    @cached_property
    def frame(self) -> tuple[list[int], list[int]]:
        """Ids that the template puts before and after a document."""
        probe = "a"
        bare = self.library_ids([probe])[0]
        framed = self.library_ids([probe], EncodeOptions(add_special=True))[0]
        for at in range(len(framed) - len(bare) + 1):
            if framed[at : at + len(bare)] == bare:
                return framed[:at], framed[at + len(bare) :]
        raise ArtifactError(
            f"{self.path}: its template does not keep the tokens of the text", hint="omit --add-special"
        )


def read_library_json(path: Path) -> tokenizers.Tokenizer:
    """Load a tokenizer.json.

    Raises:
        ArtifactError: the file is missing, truncated, or holds something else.
    """
    try:
        return parse_library_json(path.read_bytes(), path)
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}", hint="is the path right?") from error


def parse_library_json(content: bytes, path: Path) -> tokenizers.Tokenizer:
    """Load the content of a tokenizer.json.

    Args:
        content: Content of the file.
        path: The file, for messages.

    Raises:
        ArtifactError: it is truncated, or holds something else.
    """
    with library_opens(path, "not a tokenizer.json", refusal=(Exception,)):
        return tokenizers.Tokenizer.from_buffer(content)


def id_of(library: tokenizers.Tokenizer, token: str) -> int:
    """Id of a token that must be in the vocabulary.

    Raises:
        ArtifactError: it is not in the vocabulary.
    """
    token_id: int | None = library.token_to_id(token)
    if token_id is None:
        raise ArtifactError(f"the tokenizer lacks its special token '{token}'", hint="damaged? make it again")
    return token_id


def content_sha256(library: tokenizers.Tokenizer) -> str:
    """sha256 of the tokenizer.json of this tokenizer, as tokit writes it."""
    return hashlib.sha256(library_json(library).encode("utf-8")).hexdigest()


def library_json(library: tokenizers.Tokenizer) -> str:
    """Content of a tokenizer.json as tokit writes it."""
    text: str = library.to_str(pretty=True)
    return text + "\n"
