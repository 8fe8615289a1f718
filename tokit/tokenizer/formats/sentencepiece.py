"""SentencePiece models: run in their own library, so that ids are exactly theirs, or rewritten as a tokenizer.json.

The rewritten form is exact for BPE. For unigram the two libraries add scores in different precision, and a tie may
fall differently on rare lines.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokit.errors import ArtifactError
from tokit.text.pipeline import METASPACE
from tokit.tokenizer.base import PLAIN, EncodeOptions, Identity, Tokenizer
from tokit.tokenizer.formats.ranked_merges import merges_of_ranks
from tokit.tokenizer.formats.sentencepiece_proto import (
    BYTE,
    CONTROL,
    NORMAL,
    UNKNOWN,
    USER_DEFINED,
    SpmModel,
    read_model,
)
from tokit.tokenizer.special_tokens import BYTE_TOKENS, KNOWN_TEXTS, guard

if TYPE_CHECKING:
    import tokenizers

MODEL_FILE = "tokenizer.model"


class SentencePieceTokenizer(Tokenizer):
    """A `.model` file in the SentencePiece library.

    The file does not say which special tokens a model wants around a text: `add_special` puts the beginning of a
    sentence in front where there is one (Llama, Mistral), else the end behind (T5).
    """

    def __init__(self, data: bytes, name: str) -> None:
        from sentencepiece import SentencePieceProcessor

        self.model = parse_model(data, name)
        self._data = data
        try:
            self._processor = SentencePieceProcessor(model_proto=data)
        except (RuntimeError, OSError) as error:
            raise ArtifactError(f"{name}: SentencePiece cannot load it: {error}", hint="is the file whole?") from error
        specials = {p.text: i for i, p in enumerate(self.model.pieces) if p.kind in (CONTROL, UNKNOWN)}
        roles = {
            role: specials[text] for role, texts in KNOWN_TEXTS.items() for text in texts[::-1] if text in specials
        }
        self._special = specials
        self.identity = Identity(
            self.model.model_type, "sentencepiece", hashlib.sha256(data).hexdigest(), roles, why_lossy(self.model)
        )

    @property
    def vocab_size(self) -> int:
        return len(self.model.pieces)

    def encode_batch(self, texts: Sequence[str], options: EncodeOptions = PLAIN) -> list[list[int]]:
        if options.parse_special:
            encoded = [self._encode_parsed(text) for text in texts]
        else:
            encoded = self._processor.encode(list(texts), out_type=int)
        if options.add_special:
            encoded = [self._with_special(ids, options.max_length) for ids in encoded]
        return [ids[: options.max_length] for ids in encoded]

    def decode_batch(self, ids: Sequence[Sequence[int]], *, skip_special: bool = False) -> list[str]:
        # The library leaves control tokens out by itself.
        unknown = self.unknown_id
        lists = [[i for i in row if not (skip_special and i == unknown)] for row in ids]
        texts: list[str] = self._processor.decode(lists)
        return texts

    def offsets_batch(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        mappings = self._processor.encode(list(texts), return_type="offset_mapping")
        return [mapping["offsets"] for mapping in mappings]

    def save_files(self, folder: Path) -> None:
        (folder / MODEL_FILE).write_bytes(self._data)

    def to_library(self) -> tokenizers.Tokenizer:
        """The same tokenizer as an engine of the reference library."""
        return as_library(self.model)

    def _encode_parsed(self, text: str) -> list[int]:
        pattern = "|".join(re.escape(special) for special in sorted(self._special, key=len, reverse=True))
        ids: list[int] = []
        for part in re.split(f"({pattern})", text):
            if part in self._special:
                ids.append(self._special[part])
            elif part:
                ids.extend(self._processor.encode(part, out_type=int))
        return ids

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


def parse_model(data: bytes, name: str) -> SpmModel:
    """Read a model's settings and pieces.

    Raises:
        ArtifactError: the bytes are no SentencePiece model, or cut off.
    """
    try:
        return read_model(data)
    except ValueError as error:
        raise ArtifactError(f"{name}: not a SentencePiece model: {error}", hint="is the file whole?") from error


def why_lossy(model: SpmModel) -> str:
    """Why decoding may not give the text back; empty when it always does."""
    if model.charsmap:
        return "its normalizer changes text (a SentencePiece character map)"
    if model.remove_extra_whitespaces:
        return "it removes extra white space"
    if not model.byte_fallback:
        return "a character outside its vocabulary becomes the unknown token"
    if model.escape_whitespaces:
        return f"it writes a space as {METASPACE}, so it reads {METASPACE} in the text as a space"
    return "it puts a space before the text" if model.add_dummy_prefix else ""


def as_library(model: SpmModel) -> tokenizers.Tokenizer:
    """Rewrite a SentencePiece model for the reference library.

    Raises:
        ArtifactError: a model type that the reference has no counterpart for.
    """
    from tokenizers import Tokenizer

    if model.model_type not in ("bpe", "unigram") or model.whitespace_as_suffix:
        raise ArtifactError(
            f"a SentencePiece model of type {model.model_type} has no tokenizer.json", hint="use a bpe or unigram one"
        )
    library = Tokenizer(_library_model(model))
    normalizer = _library_normalizer(model)
    if normalizer is not None:
        library.normalizer = normalizer
    splitter = _library_splitter(model)
    if splitter is not None:
        library.pre_tokenizer = splitter
    library.decoder = _library_decoder(model)
    return library


def _unknown(model: SpmModel) -> tuple[int, str]:
    return next((i, piece.text) for i, piece in enumerate(model.pieces) if piece.kind == UNKNOWN)


def _library_model(model: SpmModel) -> Any:
    from tokenizers import models

    unk_id, unk_token = _unknown(model)
    if model.model_type == "unigram":
        scored = [(piece.text, piece.score) for piece in model.pieces]
        return models.Unigram(scored, unk_id=unk_id, byte_fallback=model.byte_fallback)
    vocab = {piece.text: i for i, piece in enumerate(model.pieces)}
    normal = [piece for piece in model.pieces if piece.kind in (NORMAL, USER_DEFINED)]
    # Python's sort keeps equal scores in the order of ids.
    ranked = [piece.text for piece in sorted(normal, key=lambda piece: -piece.score)]
    return models.BPE(
        vocab=vocab,
        merges=merges_of_ranks(ranked),
        unk_token=unk_token,
        fuse_unk=True,
        byte_fallback=model.byte_fallback,
    )


def _library_normalizer(model: SpmModel) -> Any:
    from tokenizers import Regex, normalizers

    steps: list[Any] = []
    if model.charsmap:
        steps.append(normalizers.Precompiled(model.charsmap))
    if model.remove_extra_whitespaces:
        # Spaces alone, where the library's own Strip takes all white space; at the end their sign in the text goes too.
        last = f"[ {METASPACE}]+" if model.escape_whitespaces else " +"
        steps += [normalizers.Replace(Regex(rf"\A +|{last}\z"), ""), normalizers.Replace(Regex(" {2,}"), " ")]
    if model.add_dummy_prefix:
        # A metaspace that prepends would take a leading space of the text for its own.
        steps.append(normalizers.Prepend(" "))
    if not steps:
        return None
    return steps[0] if len(steps) == 1 else normalizers.Sequence(steps)


def _library_splitter(model: SpmModel) -> Any:
    from tokenizers import pre_tokenizers

    from tokit.text.pipeline import join_steps

    steps: list[Any] = []
    if model.escape_whitespaces:
        inside = any(METASPACE in piece.text[1:] for piece in model.pieces)
        steps.append(pre_tokenizers.Metaspace(replacement=METASPACE, prepend_scheme="never", split=not inside))
    # The reference's unigram would match the text of a control or byte token; SentencePiece never does.
    if model.model_type == "unigram":
        texts = [piece.text for piece in model.pieces if piece.kind in (CONTROL, UNKNOWN)]
        fence = guard(steps, texts, byte_tokens=model.byte_fallback)
        steps += [fence] if fence else []
    return join_steps(steps)


def _library_decoder(model: SpmModel) -> Any:
    from tokenizers import decoders

    steps: list[Any] = [decoders.ByteFallback(), decoders.Fuse()]
    if model.escape_whitespaces:
        steps.insert(0, decoders.Replace(METASPACE, " "))
    if model.add_dummy_prefix:
        steps.append(decoders.Strip(content=" ", left=1, right=0))
    return decoders.Sequence(steps)
