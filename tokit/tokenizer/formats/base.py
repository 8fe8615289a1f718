"""Base of the readers of tokenizer files, and functions that several of them share.

A file is understood as its own library understands it, or refused: ids are never guessed.
"""

from __future__ import annotations

import codecs
import dataclasses
import json
from abc import ABC, abstractmethod
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tokit.errors import ArtifactError
from tokit.storage.folder import sha256_file
from tokit.text.pipeline import TextPipeline, join_steps
from tokit.tokenizer.base import Identity, Tokenizer
from tokit.tokenizer.formats.folder_settings import FolderSettings
from tokit.tokenizer.losslessness import why_lossy
from tokit.tokenizer.special_tokens import KNOWN_TEXTS, TRANSFORMERS_ROLES, UNKNOWN

if TYPE_CHECKING:
    import tokenizers

    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
    from tokit.tokenizer.formats.tokenizer_classes import TokenizerClass


class TokenizerFormat(ABC):
    """One format of tokenizer files; a subclass is one file and one line in the registry.

    Attributes:
        origin: Name of the format, as `Identity.origin` holds it.
        files: Names of its files, for messages.
        folder_files: Names under which a folder holds them.
    """

    origin: ClassVar[str]
    files: ClassVar[str]
    folder_files: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def matches(cls, path: Path) -> bool:
        """True if a file of this name is of this format."""

    @classmethod
    @abstractmethod
    def load(cls, path: Path) -> Tokenizer:
        """Load the tokenizer.

        Args:
            path: A file of this format; its other files lie beside it.

        Raises:
            ArtifactError: the file is missing, damaged, or holds something else.
        """


def from_library(
    library: tokenizers.Tokenizer, path: Path, *, family: str, origin: str, specials: Sequence[str]
) -> LibraryTokenizer:
    """Make a tokenizer of what a reader has built in the `tokenizers` library.

    Args:
        library: The library's tokenizer, without special tokens.
        path: The file that defines it.
        family: Model type.
        origin: The format.
        specials: Texts of its special tokens.
    """
    from tokenizers import AddedToken

    from tokit.tokenizer.encode.dropped_characters import note_on_drops
    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

    library.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in specials])
    spec = json.loads(library.to_str())
    roles = roles_of(library, spec["model"], FolderSettings())
    tokenizer = LibraryTokenizer(library, Identity(family, origin, sha256_file(path), roles, why_lossy(spec)))
    tokenizer.notes = note_on_drops(spec)
    return tokenizer


def of_a_class(
    library: tokenizers.Tokenizer,
    path: Path,
    behavior: TokenizerClass,
    settings: FolderSettings,
    *,
    family: str,
    origin: str,
    notes: tuple[str, ...],
) -> LibraryTokenizer:
    """Make a tokenizer of a class of transformers of what a reader has built in the `tokenizers` library.

    Args:
        library: The library's tokenizer, without special tokens and template.
        path: The file that defines it.
        behavior: Its class.
        settings: Its settings, with the special tokens of the class.
        family: Model type.
        origin: The format.
        notes: What was assumed.
    """
    from tokit.tokenizer.encode.dropped_characters import note_on_drops
    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer, content_sha256

    library, more = with_settings(library, settings)
    processor = behavior.template(library, settings)
    if processor is not None:
        library.post_processor = processor
    spec = json.loads(library.to_str())
    roles = roles_of(library, spec["model"], settings)
    alone = settings.config is None and not settings.added and not settings.extra
    digest = sha256_file(path) if alone else content_sha256(library)
    config = config_of_a_class(settings, typed=type(processor).__name__ == "BertProcessing")
    tokenizer = LibraryTokenizer(library, Identity(family, origin, digest, roles, why_lossy(spec)), config)
    tokenizer.notes = (*notes, *more, *note_on_drops(spec))
    return tokenizer


def config_of_a_class(settings: FolderSettings, *, typed: bool) -> dict[str, Any]:
    """Settings of a copy of a tokenizer of a class of transformers: its own special tokens, and token types of pairs.

    Args:
        settings: Those of the class.
        typed: A model of this class takes token type ids.
    """
    from tokit.tokenizer.tokenizer_folder import tokenizer_config

    named = {name: token["content"] for name, token in settings.named.items() if token}
    types = ["token_type_ids"] if typed else []
    return {**tokenizer_config({}), "model_input_names": ["input_ids", *types, "attention_mask"], **named}


def present_tokens(settings: FolderSettings, vocab: Container[str]) -> FolderSettings:
    """The settings of a class that was assumed: of its special tokens it has those of the vocabulary."""
    named = {name: token for name, token in settings.named.items() if token and token["content"] in vocab}
    # Where it is the end of text too, no text gives it.
    if "unk_token" in named and named["unk_token"] == named.get("eos_token"):
        del named["unk_token"]
    return dataclasses.replace(settings, named=named)


def with_settings(
    library: tokenizers.Tokenizer, settings: FolderSettings
) -> tuple[tokenizers.Tokenizer, tuple[str, ...]]:
    """A tokenizer with the tokens that the settings beside it add, and notes on them; itself if they add none.

    Raises:
        ArtifactError: a token cannot be added without taking an id.
    """
    from tokit.tokenizer.added_tokens import add_tokens

    present = {token.content: token for token in library.get_added_tokens_decoder().values()}
    tokens = [token for token in settings.tokens(present) if not _equal(token, present.get(token.content))]
    if not tokens:
        return library, ()
    copy = add_tokens(library, tokens)
    stated = {token["content"]: i for i, token in settings.added.items()}
    moved = [
        f"'{text}' has id {copy.token_to_id(text)} as in transformers, not {i} as the settings beside it say"
        for text, i in stated.items()
        if copy.token_to_id(text) != i
    ]
    return copy, tuple(moved)


def _equal(token: tokenizers.AddedToken, other: tokenizers.AddedToken | None) -> bool:
    return other is not None and bool(token.__getstate__() == other.__getstate__())


def make_byte_level(library: tokenizers.Tokenizer, pattern: str) -> None:
    """Set the byte-level pre-tokenizer and decoder.

    Args:
        library: The library's tokenizer, changed in place.
        pattern: Name of the pattern that splits text into pre-tokens, or "regex:" and a pattern.
    """
    from tokenizers import decoders

    library.pre_tokenizer = join_steps(TextPipeline(pre_tokenizer=pattern).byte_level_splitters())
    library.decoder = decoders.ByteLevel()


def roles_of(library: tokenizers.Tokenizer, model: dict[str, Any], settings: FolderSettings) -> dict[str, int]:
    """Role → id of the special tokens: by the model itself, else by the settings, else by the texts of the field."""
    added = {token.content: i for i, token in library.get_added_tokens_decoder().items() if token.special}
    roles: dict[str, int] = {}
    for role, texts in KNOWN_TEXTS.items():
        configured = library.token_to_id(settings.text(TRANSFORMERS_ROLES[role][0]))
        own = _unknown_of(library, model) if role == UNKNOWN else None
        candidates = (own, configured, *(added.get(text) for text in texts))
        known = [i for i in candidates if i is not None]
        if known:
            roles[role] = known[0]
    # A text begins with the token that ends one unless there is another.
    if roles.get("bos") == roles.get("endoftext"):
        roles.pop("bos", None)
    return roles


def _unknown_of(library: tokenizers.Tokenizer, model: dict[str, Any]) -> int | None:
    """Id of the token that the model itself gives for what it does not know."""
    unk_id: int | None = model.get("unk_id")
    if unk_id is None and model.get("unk_token"):
        unk_id = library.token_to_id(model["unk_token"])
    return unk_id


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises:
        ArtifactError: it is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}", hint="is the path right?") from error


def read_text(path: Path) -> str:
    """Read a file of UTF-8 text, without a byte-order mark.

    Raises:
        ArtifactError: it cannot be read, or is not UTF-8.
    """
    try:
        return read_bytes(path).removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{path}: byte {error.start} is not UTF-8", hint="is it the right file?") from error
