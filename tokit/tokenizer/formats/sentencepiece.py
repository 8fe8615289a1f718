"""SentencePiece .model files, run in their own library, so that ids are exactly theirs."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokit.errors import ArtifactError
from tokit.text.library_failures import run_library
from tokit.text.pipeline import METASPACE
from tokit.tokenizer.base import PLAIN, EncodedText, EncodeOptions, Identity, Tokenizer
from tokit.tokenizer.formats.base import TokenizerFormat, read_bytes
from tokit.tokenizer.formats.folder_settings import FolderSettings, read_settings
from tokit.tokenizer.formats.sentencepiece_proto import (
    BYTE,
    CONTROL,
    NORMAL,
    UNKNOWN,
    USER_DEFINED,
    SpmModel,
    read_model,
)
from tokit.tokenizer.formats.tiktoken import TiktokenRanks, holds_ranks
from tokit.tokenizer.special_tokens import BYTE_TOKENS, KNOWN_TEXTS, TRANSFORMERS_ROLES

if TYPE_CHECKING:
    import tokenizers

MODEL_FILE = "tokenizer.model"
# First bytes of other files that are named so.
OTHER_MODELS = {
    b"minbpe v1": "a model of minbpe",
    b"\x80": "a pickle, which is never opened because it can run code",
    b"PK\x03\x04": "a zip archive",
    b"GGUF": "a GGUF file: name it *.gguf",
    b"version https://git-lfs": "a pointer of git-lfs to the file itself",
}


class SentencePieceTokenizer(Tokenizer):
    """A `.model` file in the SentencePiece library.

    The file has no template: `add_special` prepends the beginning-of-sentence token where there is one
    (Llama, Mistral), else appends the end-of-sentence token (T5).
    """

    def __init__(self, data: bytes, name: str) -> None:
        from sentencepiece import SentencePieceProcessor

        self.model = parse_model(data, name)
        self._data = data
        try:
            self._processor = SentencePieceProcessor(model_proto=data)
        except (RuntimeError, OSError) as error:
            raise ArtifactError(
                f"{name}: SentencePiece cannot load it: {error}", hint="fetch the file again"
            ) from error
        specials = {p.text: i for i, p in enumerate(self.model.pieces) if p.kind in (CONTROL, UNKNOWN)}
        roles = {
            role: specials[text] for role, texts in KNOWN_TEXTS.items() for text in texts[::-1] if text in specials
        }
        roles |= {role: i for role, i in self._own_roles().items() if i >= 0}
        self._special = specials
        self.identity = Identity(
            self.model.model_type, "sentencepiece", hashlib.sha256(data).hexdigest(), roles, why_lossy(self.model)
        )

    @property
    def vocab_size(self) -> int:
        return len(self.model.pieces)

    def library_ids(self, texts: Sequence[str], options: EncodeOptions = PLAIN) -> list[list[int]]:
        def encode(part: Sequence[str]) -> list[list[int]]:
            if options.parse_special:
                return [self._encode_parsed(text) for text in part]
            return list(self._processor.encode(list(part), out_type=int))

        encoded = run_library(encode, texts, self.path)
        if options.add_special:
            encoded = [self._with_special(ids, options.max_length) for ids in encoded]
        return [ids[: options.max_length] for ids in encoded]

    def decode_batch(self, ids: Sequence[Sequence[int]], *, skip_special: bool = False) -> list[str]:
        # The library omits control tokens by itself.
        unknown = self.unknown_id
        lists = [[i for i in row if not (skip_special and i == unknown)] for row in ids]
        return run_library(lambda part: list(self._processor.decode(part)), lists, self.path)

    def encode_with_offsets(self, texts: Sequence[str], options: EncodeOptions = PLAIN) -> list[EncodedText]:
        def encode(part: Sequence[str]) -> list[EncodedText]:
            return [self._encode_places(text, options) for text in part]

        return run_library(encode, texts, self.path)

    def _encode_places(self, text: str, options: EncodeOptions) -> EncodedText:
        ids: list[int] = []
        offsets: list[tuple[int, int]] = []
        start = 0
        for part in self._split_special(text) if options.parse_special else [text]:
            if options.parse_special and part in self._special:
                ids.append(self._special[part])
                offsets.append((start, start + len(part)))
            elif part:
                [found] = self._processor.encode([part], return_type="offset_mapping")
                ids += found["ids"]
                offsets += [(first + start, last + start) for first, last in found["offsets"]]
            start += len(part)
        if options.add_special:
            ids = self._with_special(ids, options.max_length)
            if self._frames:
                room = offsets[: len(ids) - 1]
                offsets = [(0, 0), *room] if self._processor.bos_id() >= 0 else [*room, (0, 0)]
        ids, offsets = ids[: options.max_length], offsets[: options.max_length]
        return EncodedText(ids, offsets, [0] * len(ids))

    @property
    def _frames(self) -> bool:
        """True if `add_special` adds a token."""
        return bool(self._processor.bos_id() >= 0 or self._processor.eos_id() >= 0)

    def save_files(self, folder: Path) -> None:
        from tokit.tokenizer.chat.template_files import write_chat_templates

        (folder / MODEL_FILE).write_bytes(self._data)
        write_chat_templates(self.chat_templates, folder)

    def to_library(self) -> tokenizers.Tokenizer:
        """The same tokenizer in the `tokenizers` library."""
        from tokit.tokenizer.formats.sentencepiece_to_library import as_library

        return as_library(self.model)

    def _own_roles(self) -> dict[str, int]:
        """Role → id by the settings of the model, whatever the texts are; -1 for none."""
        processor = self._processor
        ids = (processor.bos_id(), processor.eos_id(), processor.pad_id(), processor.unk_id())
        return dict(zip(("bos", "endoftext", "pad", "unk"), ids, strict=True))

    def _encode_parsed(self, text: str) -> list[int]:
        ids: list[int] = []
        for part in self._split_special(text):
            if part in self._special:
                ids.append(self._special[part])
            elif part:
                ids.extend(self._processor.encode(part, out_type=int))
        return ids

    def _split_special(self, text: str) -> list[str]:
        """A text split before and after each special token."""
        pattern = "|".join(re.escape(special) for special in sorted(self._special, key=len, reverse=True))
        return re.split(f"({pattern})", text)

    def _with_special(self, ids: list[int], max_length: int | None) -> list[int]:
        front, back = self._processor.bos_id(), self._processor.eos_id()
        room = None if max_length is None else max(0, max_length - 1)
        if front >= 0:
            return [front, *ids[:room]]
        return [*ids[:room], back] if back >= 0 else ids

    def _names(self) -> list[str]:
        return [piece.text for piece in self.model.pieces]

    def _texts(self, names: list[str]) -> list[str]:
        return [
            bytes([BYTE_TOKENS.index(name)]).decode("utf-8", errors="replace")
            if piece.kind == BYTE
            else name.replace(METASPACE, " ")
            if piece.kind in (NORMAL, USER_DEFINED)
            else name
            for name, piece in zip(names, self.model.pieces, strict=True)
        ]

    def _all_special_ids(self) -> list[int]:
        return sorted(self._special.values())


class SentencePieceModel(TokenizerFormat):
    """A model file under any name with ".model" in it, such as Mistral's tokenizer.model.v3."""

    origin = "sentencepiece"
    files = "*.model"
    folder_files = (MODEL_FILE, "sentencepiece.bpe.model", "spiece.model")

    @classmethod
    def matches(cls, path: Path) -> bool:
        return ".model" in path.name

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        data = read_bytes(path)
        if holds_ranks(data):
            return TiktokenRanks.load(path)
        for start, what in OTHER_MODELS.items():
            if data.startswith(start):
                raise ArtifactError(f"{path}: {what}, not a SentencePiece model", hint="give its tokenizer.json")
        # A model of another name may lie beside any settings.
        settings = read_settings(path.parent) if path.name in cls.folder_files else FolderSettings()
        return _of_a_class(SentencePieceTokenizer(data, str(path)), settings, path)


def _of_a_class(tokenizer: SentencePieceTokenizer, settings: FolderSettings, path: Path) -> Tokenizer:
    """The tokenizer of the class that the settings name, with its special tokens and more tokens."""
    from tokit.tokenizer.formats import sentencepiece_classes as classes

    name, notes = classes.class_name(settings, path)
    pieces = {piece.text: i for i, piece in enumerate(tokenizer.model.pieces)}
    named = {role: settings.text(names[0]) for role, names in TRANSFORMERS_ROLES.items()}
    known = classes.RENUMBERED.get(name)
    if known is not None:
        opened: Tokenizer = classes.renumbered(tokenizer.model, known, settings, tokenizer.sha256)
    elif {token.content for token in settings.tokens(())} - pieces.keys():
        opened = classes.with_more_tokens(tokenizer.to_library(), tokenizer.model, settings, tokenizer.identity)
    else:
        roles = {role: pieces[text] for role, text in named.items() if text}
        roles = {**tokenizer.identity.special_ids, **roles}
        tokenizer.identity = dataclasses.replace(tokenizer.identity, special_ids=roles)
        opened = tokenizer
    opened.notes = (*notes, *opened.notes)
    return opened


def parse_model(data: bytes, name: str) -> SpmModel:
    """Read a model's settings and pieces.

    Raises:
        ArtifactError: the bytes are not a SentencePiece model, or are truncated.
    """
    try:
        return read_model(data)
    except ValueError as error:
        raise ArtifactError(f"{name}: not a SentencePiece model: {error}", hint="fetch the file again") from error


def why_lossy(model: SpmModel) -> str:
    """Reason why decoding may not give the text back; empty if it always does."""
    if model.charsmap:
        return "its normalizer changes text (a SentencePiece character map)"
    if model.remove_extra_whitespaces:
        return "it removes extra white space"
    if not model.byte_fallback:
        return "a character outside its vocabulary becomes the unknown token"
    if model.escape_whitespaces:
        return f"it writes a space as {METASPACE}, so it reads {METASPACE} in the text as a space"
    return "it puts a space before the text" if model.add_dummy_prefix else ""
